"""A page of the site that fetches something from elsewhere is found."""

import importlib.util

import pytest

from tests.docs.blocks import ROOT

spec = importlib.util.spec_from_file_location("offline", ROOT / "docs" / "hooks" / "offline.py")
assert spec is not None
assert spec.loader is not None
offline = importlib.util.module_from_spec(spec)
spec.loader.exec_module(offline)


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://unpkg.com/mermaid.js"></script>',
        '<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>',
        '<img src="//elsewhere.example/a.png">',
    ],
)
def test_what_a_browser_would_fetch_is_named(html):
    (found,) = offline.fetched_elsewhere(f"<html><body>{html}</body></html>")
    assert found in html


def test_links_and_own_files_are_no_matter():
    html = '<a href="https://a.example">a</a><script src="assets/a.js"></script><img src="a.png">'
    assert offline.fetched_elsewhere(html) == []
