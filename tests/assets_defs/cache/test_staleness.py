"""Each stage counts the code that decides its output, and no code that cannot."""

import re
from pathlib import Path

import pytest

import unigs
from assets_defs.cache.code_version import WITHOUT_EFFECT, closure
from assets_defs.cache.staleness import STAGES, code_of, files_of_stage
from pipelines.build import build_defs

ROOT = Path(__file__).parents[3]
PACKAGE = Path(unigs.__file__).parent
SAMPLING = {"colormap", "datasets", "io", "samples", "scene", "shards", "tasks"}
ENCODING = SAMPLING | {"latents", "models"}

# Stage -> (files it must count, rooms it may count). A stage that grows into another room is a
# decision: say so here, or pass the module over in the table with the input that stands for it.
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "generated": ({"datasets/shapes/scene", "datasets/shapes/ground"}, {"datasets", "io"}),
    "index": (
        {"datasets/coco/panoptic", "datasets/ade20k", "index/rows", "scene"},
        {"datasets", "index", "io", "scene", "tasks"},
    ),
    "statistics": ({"index/statistics"}, {"colormap", "index", "io"}),
    "shards": (
        {"samples/sample", "samples/coarse_mask", "colormap/palette", "shards/tar"},
        SAMPLING,
    ),
    "protocol": ({"shards/protocol", "shards/build", "samples/coarse_mask"}, SAMPLING),
    "autoencoder": (
        {"models/components", "models/autoencoder", "models/patch_autoencoder"},
        {"io", "models", "tasks"},
    ),
    "text_encoder": (
        {"models/components", "models/text", "models/tokenizer"},
        {"io", "models", "tasks"},
    ),
    "latents": ({"latents/encode", "latents/prompts", "models/colormap_latents"}, ENCODING),
    "encoding": ({"latents/encode", "latents/on_the_fly", "models/colormap_latents"}, ENCODING),
    "training": (
        {"training/loop", "training/loss", "training/muon", "latents/stream", "models/unet"},
        {"io", "latents", "models", "shards", "tasks", "training"},
    ),
    "assembly": (
        {"pipeline/pipeline", "pipeline/denoise", "pipeline/decode", "colormap/decoders"},
        {"colormap", "io", "models", "pipeline", "samples", "tasks"},
    ),
    "evaluators": (
        {"evaluators/segmenter_training", "evaluators/dual_encoder_training"},
        {"datasets", "evaluators", "io", "metrics", "models", "samples", "scene"},
    ),
    "tables": (
        {"evaluation/paper/result", "evaluation/paper/decoding", "colormap/clustering/dichotomy"},
        {
            *("colormap", "evaluation", "io", "metrics", "models", "pipeline", "samples"),
            *("evaluators", "scene", "tasks"),
        },
    ),
    "evaluation": (
        {"evaluation/baselines", "metrics/panoptic_quality", "pipeline/denoise"},
        SAMPLING | {"evaluation", "evaluators", "metrics", "models", "pipeline"},
    ),
}


def counted(stage: str) -> set[str]:
    return {file.relative_to(PACKAGE).with_suffix("").as_posix() for file in files_of_stage(stage)}


def test_every_stage_has_its_expectation() -> None:
    assert STAGES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_counts_what_it_must_and_nothing_surprising(stage: str) -> None:
    must, rooms = EXPECTED[stage]
    found = counted(stage)
    assert must <= found, f"lost: {sorted(must - found)}"
    strange = {name for name in found if name.split("/")[0] not in rooms}
    assert not strange, f"new rooms: {sorted(strange)}"


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_given_would_count_is_not_counted_and_says_what_stands_for_it(stage: str) -> None:
    own = STAGES[stage]
    elsewhere: set[str] = set().union(*(counted(other) for other in own.with_stages))
    whole = {path.relative_to(PACKAGE).as_posix() for path in closure(*own.runs)}
    for name, reason in own.given.items():
        assert f"{name}.py" in whole, "passes over nothing: take it out of the table"
        assert name not in counted(stage) - elsewhere
        assert reason


def test_what_is_passed_over_everywhere_exists() -> None:
    assert all((PACKAGE / name).exists() for name in WITHOUT_EFFECT)


def test_the_table_is_the_only_place_that_decides() -> None:
    callers = [
        file.name
        for file in (ROOT / "assets_defs").rglob("*.py")
        if re.search(r"\bcode_version\(|\bwithout=", file.read_text(encoding="utf-8"))
    ]
    assert sorted(callers) == ["code_version.py", "staleness.py"]


def test_every_code_version_of_the_graph_is_a_stages() -> None:
    graph = build_defs().resolve_asset_graph()
    versions = {graph.get(key).code_version for key in graph.get_all_asset_keys()} - {None}
    assert versions == {code_of(stage) for stage in STAGES if stage != "encoding"}
