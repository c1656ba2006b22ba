"""What limits segmentation of photographs: the model of one task, with one thing or two changed.

    python -m benchmarks.photographs.limits --run STORE/coco_panoptic-photo --work DIR
        [--task entity] [--share 0.25] [--seeds 0] [--limits NAME ...] [--preset photo]
        [--set NAME=VALUE ...] [--root DIR]

Each model is trained on the task alone with `--share` of the preset's steps, as "alone" of
`benchmarks.photographs.unification` is, and evaluated on the same held-out photographs: as the
preset says, on half of the photographs (with twice the crops of each, so that there are as many
samples), on four times the crops of each, for twice the steps, for both, and by networks of about
half and twice the operations. It reads samples, latents and scenes of a finished run (`unigs
run`). Each finished training is kept as JSON in `--work` and not done again; one that was
interrupted resumes. A folder is for one run, one share and one set of settings.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.photographs.parts.direct_unet import EVALUATED
from benchmarks.photographs.parts.options import add_root, add_trainings, run_parser
from benchmarks.photographs.parts.run_folder import RunFolder
from benchmarks.photographs.parts.seeds import interval_text
from benchmarks.photographs.parts.shortened import shortened
from benchmarks.photographs.parts.unet_flop import training_flop
from benchmarks.photographs.unification import trained
from unigs.config.overrides import parse_overrides
from unigs.config.preset import Preset
from unigs.io.files import replacing
from unigs.models.autoencoder import load_autoencoder
from unigs.training.checkpoint import CHECKPOINTS

SHOWN = ("miou", "recall_50", "ap_e", "pq")


@dataclass(frozen=True)
class Limit:
    """What differs from the preset.

    Attributes:
        every: only every `every`-th training photograph is used.
        variants: crops of a photograph, times the preset's.
        length: steps, times `--share` of the preset's.
        channels: channels of the UNet, times the preset's.
    """

    every: int = 1
    variants: int = 1
    length: int = 1
    channels: float = 1.0

    @property
    def needs_samples(self) -> bool:
        """Whether samples other than the run's own are needed."""
        return self.every > 1 or self.variants > 1


LIMITS = {
    "as it is": Limit(),
    "half of the photographs": Limit(every=2, variants=2),
    "four times the crops": Limit(variants=4),
    "twice the steps": Limit(length=2),
    "twice the steps on four times the crops": Limit(length=2, variants=4),
    "half the operations": Limit(channels=0.7),
    "twice the operations": Limit(channels=1.42),
}


def main() -> None:
    """Train and evaluate what is not kept yet, print the table."""
    parser = run_parser(__doc__)
    add_root(parser)
    add_trainings(parser, share=0.25, seeds=[0])
    parser.add_argument("--task", choices=EVALUATED, default="entity")
    parser.add_argument("--limits", nargs="+", choices=list(LIMITS), default=list(LIMITS))
    options = parser.parse_args()
    changes = parse_overrides(Preset, options.overrides)
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in options.limits}
    for seed in options.seeds:
        for name in options.limits:
            place = options.work / f"{options.task}-{name.replace(' ', '-')}-{seed}"
            file = place.with_suffix(".json")
            if not file.is_file():
                print(f"{name}, seed {seed}", flush=True)
                preset = limited(options.preset, changes, LIMITS[name], seed, options.share)
                run = RunFolder(options.run, options.root)
                result = measured(run, preset, LIMITS[name], options.task, place)
                with replacing(file) as partial:
                    partial.write_text(
                        json.dumps({"limit": name, "seed": seed, **result}, indent=1)
                    )
                shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
            kept[name].append(json.loads(file.read_text()))
    print(table(options.task, kept))


def limited(name: str, changes: dict[str, Any], limit: Limit, seed: int, share: float) -> Preset:
    """Return the preset with a share of its steps, a seed, and what the limit changes."""
    preset = shortened(name, changes, limit.length * share, seed)
    architecture = preset.unet.architecture
    # A multiple of 8: of the groups of the normalisation and of the attention's heads.
    channels = [8 * round(limit.channels * c / 8) for c in architecture["block_out_channels"]]
    own = {
        "unet.architecture.block_out_channels": channels,
        "data.variants": limit.variants * preset.data.variants,
    }
    return shortened(name, {**changes, **own}, limit.length * share, seed)


def measured(
    run: RunFolder, preset: Preset, limit: Limit, task: str, place: Path
) -> dict[str, Any]:
    """Train and evaluate one model; return what is kept of it."""
    samples = (
        run.rebuilt(
            preset, [task], place.parent / f"samples-{limit.every}-{limit.variants}", limit.every
        )
        if limit.needs_samples
        else run.samples([task])
    )
    result = trained(run, preset, [task], samples, place)
    autoencoder = load_autoencoder(run.folder / "components" / "autoencoder")
    return {"sample_flop": training_flop(preset, autoencoder), **result}


def table(task: str, kept: dict[str, list[dict[str, Any]]]) -> str:
    """Return a table in Markdown, one row for each limit."""
    lines = [
        f"| {task} alone | " + " | ".join(f"`{name}`" for name in SHOWN)
        + " | best validation loss | at step | of | GFLOP a sample |",
        "|---|" + "---:|" * (len(SHOWN) + 4),
    ]  # fmt: skip
    for name, results in kept.items():
        cells = [interval_text([r["metrics"][task][metric] for r in results]) for metric in SHOWN]
        losses = [min(e["validation_loss"] for e in r["curve"]) for r in results]
        best = ", ".join(str(r["best_step"]) for r in results)
        lines.append(
            f"| {name} | {' | '.join(cells)} | {interval_text(losses)} | {best} "
            f"| {results[0]['steps']} | {results[0]['sample_flop'] / 1e9:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
