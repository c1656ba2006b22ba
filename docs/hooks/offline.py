"""A page of the site that would fetch something from another host ends the build."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

# What a browser fetches by itself; the target of a link it fetches when it is pressed.
FETCHED = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href",
    "object": "data", "script": "src", "source": "src", "video": "src",
}  # fmt: skip


class _Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(FETCHED.get(tag, "")) or ""
        if address.startswith(("http:", "https:", "//")) and given.get("rel") != "canonical":
            self.elsewhere.append(address)


def fetched_elsewhere(html: str) -> list[str]:
    """Return the addresses on other hosts that a browser fetches when it shows a page."""
    parser = _Fetched()
    parser.feed(html)
    return parser.elsewhere


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Called by mkdocs with each page as it will be written.

    Raises:
        PluginError: the page names what a browser would fetch from another host.
    """
    from mkdocs.exceptions import PluginError

    if elsewhere := fetched_elsewhere(output):
        raise PluginError(f"{page.file.src_uri}: fetches {', '.join(elsewhere)}")
    return output
