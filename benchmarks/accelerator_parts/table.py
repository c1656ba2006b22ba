"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]

TITLES = {
    "gpu_tests": "Tests marked `gpu`",
    "training": "Training from latents",
    "ladder": "The ladder of training",
    "autoencoder": "Autoencoder",
    "sampling": "Sampling",
    "evaluators": "Networks of evaluation",
}


def _number(digits: int, factor: float = 1.0, unit: str = "") -> Callable[[Any], str]:
    return lambda value: f"{value * factor:,.{digits}f}{unit}"


def _truth(value: Any) -> str:
    return "yes" if value else "no"


# How a field is called and written; others are shown as they are, under their own names.
FIELDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "step_seconds": ("ms a step", _number(1, 1e3)),
    "first_step_seconds": ("first step, s", _number(1)),
    "images_per_second": ("images/s", _number(1)),
    "latents_per_second": ("latents/s", _number(1)),
    "seconds_per_image": ("s an image", _number(3)),
    "steps_per_second": ("steps/s", _number(1)),
    "peak_memory_bytes": ("peak memory, GiB", _number(1, 2**-30)),
    "peak_memory_bytes_of_both": ("of both, GiB", _number(1, 2**-30)),
    "peak_share": ("share of peak FLOP/s", _number(1, 100, " %")),
    "loader_share": ("waiting for data", _number(2, 100, " %")),
    "flops": ("GFLOP", _number(1, 1e-9)),
    "gain": ("gain", _number(2, 1, "x")),
    "ratio": ("ratio", _number(4)),
    "ratio_low": ("from", _number(4)),
    "ratio_high": ("to", _number(4)),
    "guidance": ("guidance", _truth),
    "decoded": ("decoded", _truth),
    "from_uint8": ("from uint8", _truth),
}
# Of the JSON alone.
HIDDEN = ("seconds",)
NOTES = ("skipped", "failed", "warnings", "failures")


def markdown(report: Row) -> str:
    """Return a heading and a table for each part, and what each was measured on."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {value}" for name, value in machine["versions"].items() if value)
    lines = [
        f"{machine['device']}, Python {machine['python']}, {versions}; {report['at']}, "
        f"{report['seconds']:.0f} s."
    ]
    if report["dry"]:
        lines.append("A dry run at tiny sizes: its figures say nothing about speed.")
    if machine["peak_bf16_flops"]:
        peak = machine["peak_bf16_flops"] / 1e12
        lines.append(f"Peak: {peak:,.1f} TFLOP/s in bfloat16 ({machine['peak_source']}).")
    for name, part in report["parts"].items():
        lines += ["", f"**{TITLES[name]}** ({part['seconds']:.0f} s)", ""]
        if part["reason"]:
            lines += [f"{part['state']}: {part['reason']}", ""]
        lines += table(part["rows"])
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table that has a column for each field of any row."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    shown = [
        name
        for name in fields
        if name not in (*HIDDEN, *NOTES) and any(row.get(name) is not None for row in rows)
    ]
    noted = ["notes"] if any(row.get(name) for row in rows for name in NOTES) else []
    if not shown:
        return []
    heads = [FIELDS[name][0] if name in FIELDS else name for name in shown]
    lines = ["| " + " | ".join([*heads, *noted]) + " |", "|---" * len([*heads, *noted]) + "|"]
    for row in rows:
        cells = [_cell(name, row.get(name)) for name in shown]
        lines.append("| " + " | ".join([*cells, *([_notes(row)] if noted else [])]) + " |")
    return lines


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name not in FIELDS:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return FIELDS[name][1](value)


def _notes(row: Row) -> str:
    found = []
    for name in NOTES:
        value = row.get(name)
        if isinstance(value, str):
            found.append(f"{name}: {value}")
        elif isinstance(value, list):
            found += map(str, value)
    return "; ".join(found).replace("|", "/")
