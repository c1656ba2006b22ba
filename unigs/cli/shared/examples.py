"""Examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """Return the epilog that shows command lines, one a paragraph."""
    # typer joins the lines of a paragraph, and takes an empty line for the end of one
    return "\n\n".join(("Examples:", *(f"  {line}" for line in lines)))
