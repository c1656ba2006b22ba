import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from unigs.comparison import page
from unigs.comparison.inputs import inputs_of
from unigs.comparison.page import compare_task, write_page
from unigs.comparison.pictures import entities, photograph
from unigs.errors import DataError
from unigs.evaluation.predictions import with_hole
from unigs.metrics.bootstrap.per_image import PerImage


class Page(HTMLParser):
    """What a reader or a screen reader meets."""

    def __init__(self, text):
        super().__init__()
        self.images, self.inputs, self.links, self.cells = [], [], [], []
        self.charts = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "img":
            self.images.append(given)
        self.charts += given.get("class") == "chart"
        if tag == "input":
            self.inputs.append(given)
        self.links += [given[name] for name in ("src", "href") if name in given]

    def handle_data(self, data):
        self.cells.append(data.strip())


def pixels(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.fixture(scope="module")
def written(sides, inputs, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    curves = {"loss": [(20, 0.5), (40, 0.25)]}, {"loss": [(20, 0.75)]}
    tasks = [compare_task("referring", *sides, inputs, 6)]
    size = write_page(path, "good", "<poor>", tasks, curves)
    assert size == path.stat().st_size
    return path.read_text("utf-8")


def test_the_page_is_whole_in_itself(written):
    found = Page(written)
    assert all(link.startswith("data:image/") for link in found.links)
    assert all(image["alt"] for image in found.images)
    assert "<poor>" in found.cells
    assert "<poor>" not in written, "names are escaped"
    assert "http" not in re.sub(r"data:[^\"]+", "", written)
    # Sliders work by keyboard, one an image.
    assert [control["type"] for control in found.inputs] == ["range"] * 6


def test_it_holds_metrics_sizes_classes_and_pictures(written):
    text = " ".join(Page(written).cells)
    for part in ("miou", "1.000 [1.000, 1.000]", "better", "disc", "larger", "true entities"):
        assert part in text
    assert "colormap by good" in text
    assert "coarse mask" in text
    assert "referring: find" in text


@pytest.mark.parametrize(
    ("task", "titles"),
    [
        ("inpainting", ["control image: photograph with its hole", "coarse mask"]),
        ("synthesis", ["control image: colormap"]),
        ("referring", ["coarse mask"]),
        ("entity", []),
    ],
)
def test_what_the_models_were_given_is_shown(tmp_path, task, titles):
    from tests.support.evaluation.evaluated_shards import samples

    (sample,) = samples(tmp_path, task, 1)
    shown = inputs_of([sample], {sample.key}).shown[sample.key]
    assert list(shown.given) == titles
    assert shown.prompt == sample.prompt
    for title, uri in shown.given.items():
        found = np.asarray(pixels(uri).convert("RGBA")).astype(int)
        if title == "coarse mask":
            assert np.array_equal(found[..., 3] > 0, sample.coarse_mask)
        else:
            expected = with_hole(sample) if "hole" in title else sample.colormap
            assert abs(found[..., :3] - expected).mean() < 12
    assert inputs_of([sample], set()).shown == {}


def test_scores_and_trainings_are_drawn_and_told(written, sides, inputs):
    found = Page(written)
    task = compare_task("referring", *sides, inputs, 1)
    measured = [row for row in task.metrics if row.count]
    assert found.charts == len(measured) + 1
    text = " ".join(found.cells)
    for part in ("miou of the images", "loss of the training", "<poor>: from 0.750 at step 20"):
        assert part in text
    assert task.shown["distributions"][0].title == "miou of the images"
    counts = [int(row[1]) for row in task.shown["distributions"][0].rows]
    assert counts[-1] == sum(counts) == 6, "the good model has 1.0 on every image"


def test_without_shards_there_are_masks_alone(sides, tmp_path):
    task = compare_task("referring", *sides, None, 2)
    write_page(tmp_path / "page.html", "a", "b", [task])
    assert "of the training" not in (tmp_path / "page.html").read_text("utf-8")
    assert "photograph" not in (tmp_path / "page.html").read_text("utf-8")
    assert task.shown["classes"] == []


def test_without_losses_the_page_says_so(sides, tmp_path):
    task = compare_task("referring", *sides, None, 1)
    told = "No losses of the training of <b>: nothing there."
    curves = {"loss": [(20, 0.5)]}, {}
    write_page(tmp_path / "page.html", "a", "<b>", [task], curves, [told])
    found = Page((tmp_path / "page.html").read_text("utf-8"))
    assert told in found.cells
    assert "a: from 0.500 at step 20 to 0.500 at step 20" in found.cells


def test_a_large_page_leaves_images_out_and_says_so(sides, inputs, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    task = compare_task("referring", *sides, inputs, 6)
    most = 3 * write_page(path, "a", "b", [task]) // 4
    assert "left out" not in path.read_text("utf-8")
    monkeypatch.setattr(page, "MOST_BYTES", most)
    assert write_page(path, "a", "b", [task]) <= most
    assert path.read_text("utf-8").count("left out to keep the page small") == 1


def test_what_has_nothing_in_common_is_one_line(sides):
    other = replace(sides[1], scores=PerImage.of({"x": {"miou": (1.0, 1.0)}}))
    with pytest.raises(DataError, match="share no image"):
        compare_task("referring", sides[0], other, None, 3)


def test_masks_are_exact_and_photographs_small():
    labels = np.random.default_rng(0).integers(0, 9, (40, 60)).astype(np.int32)
    shown = np.asarray(pixels(entities(labels)).convert("RGBA"))
    assert (shown[labels == 0][:, 3] == 0).all()
    colors = {tuple(color) for color in shown[labels > 0].tolist()}
    assert len(colors) == 8
    for label in range(1, 9):
        assert len({tuple(color) for color in shown[labels == label].tolist()}) == 1
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    assert max(pixels(photograph(noise)).size) == 128
