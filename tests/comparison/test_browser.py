"""The page in a browser: sliders move by mouse and keyboard, nothing is fetched, nothing fails."""

import pytest

from tests.support.servers.browser import chromium_page
from unigs.comparison.page import compare_task, write_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(sides, inputs, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "page.html"
    tasks = [compare_task("referring", *sides, inputs, 6)]
    write_page(file, "good", "poor", tasks, ({"loss": [(20, 0.5), (40, 0.25)]}, {}))
    with chromium_page() as page:
        page.goto(file.as_uri())
        yield page


def shown_right(page, place=0):
    """How far from the left the second model's entities are cut, in percent."""
    mask = page.locator(".second").nth(place)
    return mask.evaluate("mask => getComputedStyle(mask).clipPath").partition("0px ")[2]


def test_a_slider_moves_by_mouse(page):
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert "50%" in shown_right(page)
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    assert int(slider.input_value()) > 80
    assert f"{slider.input_value()}%" in shown_right(page)
    assert "50%" in shown_right(page, 1), "the next image keeps its own"


def test_a_slider_moves_by_keyboard(page):
    first, second = page.get_by_role("slider").nth(1), page.get_by_role("slider").nth(2)
    first.focus()
    page.keyboard.press("ArrowRight")
    assert first.input_value() == "51"
    assert "51%" in shown_right(page, 1)
    page.keyboard.press("Home")
    assert first.input_value() == "0"
    page.keyboard.press("Tab")
    assert second.evaluate("slider => slider === document.activeElement")


def test_a_screen_reader_hears_what_each_thing_is(page):
    assert page.get_by_role("heading", level=1).inner_text() == "good and poor"
    assert page.get_by_role("table", name="Metrics").count() == 1
    assert page.get_by_role("slider", name="good left, poor right").count() == 6
    assert page.locator("img:not([alt])").count() == 0


def test_charts_are_pictures_with_a_name_and_their_numbers_open(page):
    chart = page.get_by_role("img", name="loss of the training")
    assert chart.count() == 1
    assert chart.bounding_box()["width"] > 100
    figure = page.locator("figure").filter(has=chart)
    summary = figure.get_by_text("Numbers")
    summary.focus()
    page.keyboard.press("Enter")
    assert figure.get_by_role("cell", name="0.250").is_visible()


def test_nothing_is_fetched_and_nothing_fails(page):
    page.locator("figure").last.scroll_into_view_if_needed()
    assert [url for url in page.requested if not url.startswith(("file:", "data:"))] == []
    assert page.errors == []
