"""How the page looks, and what it tells those who hear it instead of seeing it.

Gradio's default colours are too pale for many (WCAG 2, contrast 4.5 to 1), and some of its parts
have names that no screen reader may use, or that are not what is written on them.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

# Names that are not allowed without a role get one; names that hide what is written are taken off;
# a button that holds a picture alone gets a name.
NAMES = """() => {
  const name = () => {
    document.querySelectorAll("div[aria-label]:not([role])")
      .forEach(part => part.setAttribute("role", "group"));
    document.querySelectorAll("button[aria-dropeffect][aria-label]")
      .forEach(part => part.removeAttribute("aria-label"));
    document.querySelectorAll("button:has(.image-frame):not([aria-label])")
      .forEach(part => part.setAttribute("aria-label", "picture"));
  };
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  name();
}"""


def look() -> dict[str, Any]:
    """Return the arguments of `gr.Blocks.launch` that make the page's look."""
    theme = gr.themes.Default().set(
        body_text_color_subdued="*neutral_600",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
    )
    return {"theme": theme, "footer_links": []}
