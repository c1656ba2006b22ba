"""What the page says of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unigs.demo.words import known_words

HINTS = {
    "inpainting": "Load a photograph, brush over what is to be filled, and name what to put there.",
    "synthesis": "Paint entities or load a colormap, drag them where you want them, and name each. "
    "Their colours are the palette's and follow their places.",
    "referring": "Load a photograph, brush roughly over where to look, and name what to find.",
    "entity": "Load a photograph and get every entity in it.",
}


def headline(pipeline: Any, name: str) -> str:
    """Return the lines at the top of the page, in Markdown."""
    config = pipeline.config
    size = f"trained at {config['size']}x{config['size']} pixels" if config["size"] else "any size"
    words = known_words(pipeline.tokenizer)
    classes = (
        f"It knows these words: {', '.join(words)}."
        if words
        else "Its text encoder knows any English words; what was trained are the set's classes."
    )
    return f"# UniGS\n**Model** {name}: {', '.join(config['tasks'])}; {size}.\n\n{classes}"


def model_card(folder: Path) -> str:
    """Return the card of a model folder in Markdown, without its head for the Hub; a sentence where
    there is none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return "This model has no card."
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2]
    return text.strip()
