"""Which code a stage depends on: the table that decides what a code change rebuilds.

A stage names the modules of ``unigs`` that it ``runs``; what they import counts with them. What is
``given`` is ignored, with what only it imports, because its whole effect arrives as an input
whose digest is compared already, or because it has none here. The settings of a stage are inputs of
its own, in its asset.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from assets_defs.cache.code_version import closure, code_version


@dataclass(frozen=True, slots=True)
class Stage:
    """Modules (``models/unet``) or rooms (``evaluators``): those that run, and those passed over
    with the input that stands for them. ``with_stages``: stages whose code counts as well."""

    runs: tuple[str, ...]
    given: dict[str, str] = field(default_factory=dict)
    with_stages: tuple[str, ...] = ()


_SHARDS = {"shards/read": "the digest of the shards that are read"}
_BYTES = {"remote/address": "the digests of the shards, wherever their bytes come from"}
_SCENES = "the digest of the scenes index"
_NOT_MADE = "nothing: another component, which this stage does not make"

STAGES = {
    "generated": Stage(("datasets/shapes/generate",)),
    "index": Stage(("index/scenes_index",)),
    "statistics": Stage(("index/statistics", "index/drift"), {"index/scenes_index": _SCENES}),
    "shards": Stage(("shards/build",), {"index/scene_source": _SCENES}),
    "protocol": Stage(
        ("shards/protocol",),
        {"index/scene_source": _SCENES, "shards/build": "the stage shards, counted below"},
        with_stages=("shards",),
    ),
    "autoencoder": Stage(
        ("models/components",),
        {
            **_SHARDS,
            "models/text": _NOT_MADE,
            "models/tokenizer": _NOT_MADE,
            "models/unet": _NOT_MADE,
        },
    ),
    "text_encoder": Stage(
        ("models/components",),
        {
            **_SHARDS,
            "models/autoencoder": _NOT_MADE,
            "models/patch_autoencoder": _NOT_MADE,
            "models/unet": _NOT_MADE,
        },
    ),
    "latents": Stage(("latents/build", "samples/serialization"), _SHARDS),
    # of a training that encodes its samples itself
    "encoding": Stage(("latents/on_the_fly", "samples/serialization"), _BYTES),
    "training": Stage(
        ("training/run",),
        {
            **_SHARDS,
            **_BYTES,
            "latents/on_the_fly": "the stage encoding, an input where samples are encoded",
        },
    ),
    "assembly": Stage(
        ("models/components", "pipeline/assemble", "pipeline/model_card"),
        {"shards/read": "the digest of the autoencoder that was fitted on them"},
    ),
    "evaluators": Stage(("evaluators",)),
    "evaluation": Stage(("evaluation/run", "samples/serialization"), _SHARDS),
    "tables": Stage(("evaluation/paper",)),
}


@cache
def code_of(stage: str) -> str:
    """Return the code version of a stage: it changes when the meaning of its code does."""
    own = STAGES[stage]
    version = code_version(*own.runs, without=tuple(own.given))
    return version + "".join(code_of(other) for other in own.with_stages)


def files_of_stage(stage: str) -> list[Path]:
    """Return the files whose code a stage depends on, sorted."""
    own = STAGES[stage]
    files = set(closure(*own.runs, without=tuple(own.given)))
    return sorted(files.union(*(files_of_stage(other) for other in own.with_stages)))
