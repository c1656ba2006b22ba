"""What people do on the page: a stroke, a press, an example."""

# How long to wait for anything, in milliseconds.
SECONDS = 60_000


def press(page, task):
    page.locator(f"#run-{task}").click()
    page.wait_for_selector(f"#status-{task} >> text=Entities", timeout=SECONDS)
    page.wait_for_selector(f"#overlay-{task} img", timeout=SECONDS)


def take_example(page, panel, number):
    panel.locator(".gallery-item").nth(number).click()
    page.wait_for_selector(f"[role=tabpanel]:visible >> text=Example {number + 1}", timeout=SECONDS)
    # until the canvas has drawn it
    page.wait_for_timeout(700)
