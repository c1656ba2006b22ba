"""The model card: README.md of a model folder, with origin, training, metrics and usage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unigs.config.preset import Preset
from unigs.io.files import replacing
from unigs.models.autoencoder import weights_digest
from unigs.models.source import hub_id, source_name
from unigs.tasks import TASKS

OWN_LICENCE = "apache-2.0"
_ARGUMENTS = {
    "inpainting": 'image=image, coarse_mask=mask, names=["dog"]',
    "synthesis": 'colormap=colormap, names=["dog", "sky"]',
    "referring": 'image=image, coarse_mask=mask, names=["dog"]',
    "entity": "image=image",
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of a model card; unknown ones are left out.

    Attributes:
        licence: SPDX name, of the weights.
        base_model: the Hub id of the checkpoint that the UNet was grown from.
        weights: pretrained component -> name and digest of its weights.
        data: data set -> digest of what was read of it.
        metrics: task -> metric -> value; NaN, which has no meaning, is left out.
        training: setting -> value.
    """

    licence: str | None = None
    base_model: str | None = None
    weights: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def facts_of(
    preset: Preset,
    data: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, float]],
    weights: Mapping[str, str] | None = None,
) -> ModelFacts:
    """Return the facts of a training by a preset; weights from scratch have this package's
    licence.

    Args:
        weights: pretrained component (`autoencoder`, `text`, `unet`) -> digest of its weights.
    """
    training = preset.training
    source = preset.unet.source
    # The places of weights on this machine are nobody else's business.
    told = {n: v for n, v in preset.overrides.items() if not _names_a_place(n)}
    length = {"steps": training.steps} if training.steps else {"epochs": training.epochs}
    return ModelFacts(
        licence=preset.unet.licence if source else OWN_LICENCE,
        base_model=hub_id(source) if source else None,
        weights={
            name: (source_name(getattr(preset, name).source), digest)
            for name, digest in (weights or {}).items()
        },
        data=data,
        metrics=metrics,
        training={
            "preset": preset.name,
            **length,
            "batch size": training.batch_size,
            "learning rate": training.learning_rate,
            **({"overrides": ", ".join(f"{n}={v}" for n, v in told.items())} if told else {}),
        },
    )


def _names_a_place(setting: str) -> bool:
    return setting == "checkpoint" or setting.endswith(".source") or setting.startswith("eval")


def write_model_card(folder: Path | str, pipeline: Any, facts: ModelFacts) -> Path:
    """Write `README.md` into the folder of a saved pipeline; return its path."""
    path = Path(folder) / "README.md"
    with replacing(path) as partial:
        partial.write_text(model_card(pipeline, facts), encoding="utf-8")
    return path


def model_card(pipeline: Any, facts: ModelFacts) -> str:
    """Return the card as Markdown with the Hub's YAML head."""
    config = pipeline.config
    head = ["---", "library_name: diffusers", "tags: [unigs, image-segmentation, inpainting]"]
    if facts.licence:
        head.append(f"license: {facts.licence}")
    if facts.base_model:
        head.append(f"base_model: {facts.base_model}")
    head += ["---", "", "# UniGS", ""]
    count = sum(parameter.numel() for parameter in pipeline.unet.parameters())
    lines = [
        *head,
        "Generates images and their entity masks with one diffusion model.",
        "",
        "| | |",
        "|---|---|",
        f"| tasks | {', '.join(config['tasks'])} |",
        f"| UNet parameters | {count:,} |",
        f"| UNet weights (SHA-256) | `{weights_digest(pipeline.unet)}` |",
        f"| autoencoder | {type(pipeline.vae).__name__}, `{weights_digest(pipeline.vae)[:16]}` |",
        f"| palette, decoder | {config['palette']}, {config['decoder']} |",
        f"| scheduler | {type(pipeline.scheduler).__name__}, "
        f"{pipeline.scheduler.config.get('prediction_type')} |",
        f"| trained at | {config['size'] or 'any size'} |",
        *(
            f"| pretrained {name} | {source}, `{digest[:16]}` |"
            for name, (source, digest) in facts.weights.items()
        ),
        *(f"| {name} | {value} |" for name, value in facts.training.items()),
        "",
        "## Use",
        "",
        "```python",
        "from unigs.pipeline.pipeline import UniGSPipeline",
        "",
        'pipeline = UniGSPipeline.from_pretrained("PATH")',
        *(f'output = pipeline("{task}", {_ARGUMENTS[task]})' for task in TASKS
          if task in config["tasks"]),
        "output.images, output.colormaps, output.segments, output.entities",
        "```",
        "",
        "Default sampling steps: "
        + ", ".join(f"{task} {config['steps'][task]}" for task in config["tasks"]) + ".",
    ]  # fmt: skip
    if facts.data:
        lines += ["", "## Data", "", "| data set | digest |", "|---|---|"]
        lines += [f"| {name} | `{digest}` |" for name, digest in facts.data.items()]
    if facts.metrics:
        lines += ["", "## Metrics", "", "| task | metric | value |", "|---|---|---|"]
        lines += [
            f"| {task} | {name} | {value:.4g} |"
            for task, values in facts.metrics.items()
            for name, value in values.items()
            if not math.isnan(value)
        ]
    return "\n".join(lines) + "\n"
