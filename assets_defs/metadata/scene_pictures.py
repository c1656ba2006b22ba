"""What people see of a scenes index: a sheet of its first scenes, the quarantined as a table."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unigs.index.scenes_index import ScenesIndex


def scene_sheet(index: "ScenesIndex", file: Path, count: int = 12, side: int = 96) -> None:
    """Write a PNG of the first scenes: images in one row, their entities in the next."""
    import numpy as np
    from PIL import Image

    from unigs.colormap import Palette

    palette = Palette(grid=11)
    sheet = Image.new("RGB", (count * side, 2 * side))
    for column, scene in enumerate(islice(iter(index), count)):
        pictures = (scene.image(), palette.encode(np.where(scene.valid, scene.segments, 0)))
        for row, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(small, (column * side, row * side))
    sheet.save(file, optimize=True)


def quarantine_table(quarantined: list[dict[str, Any]], limit: int = 200) -> str:
    """List the first ``limit`` quarantined records in Markdown."""
    columns = ("dataset", "split", "file", "record", "reason")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [
        f"| {' | '.join(str(item[column]) for column in columns)} |" for item in quarantined[:limit]
    ]
    if len(quarantined) > limit:
        lines.append(f"and {len(quarantined) - limit} more in quarantine.json")
    return "\n".join(lines)
