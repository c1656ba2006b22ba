"""The location-aware palette against colours at random (Table 7), referring, PDM decoding both.

    python -m benchmarks.choices.palette [--steps 300] [--work DIR] [--palette smooth-5-v1]

Two trainings of the same budget that differ in the palette alone. The paper has 0.808 against
0.493; the goal on `shapes` is a difference of at least 0.15. A short training's colormaps are
blurred, and PDM cuts a blurred edge into many clusters at the paper's delta of 10; so each palette
gets the delta that is best for it on training scenes.
"""

from __future__ import annotations

import argparse

from benchmarks.choices.shapes_runs import (
    add_options,
    chosen_preset,
    evaluated,
    learned,
    open_pipeline,
    shapes_shards,
    work_folder,
)
from unigs.colormap import Palette

TASK = "referring"
DELTAS = (10, 20, 30, 45)
CHOSEN_ON = 128


def main() -> None:
    """Train and evaluate both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--palette", help="the location-aware one; the preset's if left out")
    add_options(parser, steps=300)
    options = parser.parse_args()
    located = options.palette or chosen_preset(options, {}).codec.palette
    found = {}
    with work_folder(options.work) as work:
        for palette in (located, f"random-{Palette.from_name(located).grid}-v1"):
            codec = {"palette": palette, "decoder": "pdm", "options": {}}
            preset = chosen_preset(options, {"codec": codec})
            train, val = (shapes_shards(preset, work, split, [TASK]) for split in ("train", "val"))
            model = learned(preset, work, palette, [TASK], train, options.steps)
            pipeline = open_pipeline(model)
            tried = {}
            for delta in DELTAS:
                pipeline.register_to_config(decoder_options={"delta": delta})
                out = work / f"tried-{palette}-{delta}"
                tried[delta] = evaluated(pipeline, TASK, train, out, limit=CHOSEN_ON)["miou"]
            delta = max(DELTAS, key=tried.__getitem__)
            pipeline.register_to_config(decoder_options={"delta": delta})
            row = found[palette] = evaluated(pipeline, TASK, val, work / f"evaluated-{palette}")
            print(
                f"{palette}: miou {row['miou']:.4f}, recall_50 {row['recall_50']:.4f}, "
                f"delta {delta} of {', '.join(f'{d}: {tried[d]:.3f}' for d in DELTAS)}",
                flush=True,
            )
    first, second = (row["miou"] for row in found.values())
    print(f"difference of miou {first - second:.4f}")


if __name__ == "__main__":
    main()
