"""The card that the graph writes with a pipeline, and the one with metrics in the report."""

from pathlib import Path

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cards import write_card
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.models.tiny_pipeline import tiny_pipeline


def test_it_names_the_shards_the_training_read(tmp_path: Path) -> None:
    settings = GraphSettings(dataset="shapes", preset="tiny", overrides={"training.steps": 5})
    folders = Folders.of(Store(root=str(tmp_path)), settings)
    shards = folders.shards("shapes", "train", "entity")
    build_or_reuse(shards, {}, lambda place, resume: Built("d" * 64))
    pipeline, out = tmp_path / "pipeline", tmp_path / "report"
    tiny_pipeline(tasks=["entity"]).save_pretrained(pipeline)
    out.mkdir()
    write_card(settings, folders, "entity", pipeline, out, {"entity": {"miou": 0.25}})
    card = (out / "README.md").read_text()
    for part in (
        "license: apache-2.0",
        f"| shapes-train.entity | `{'d' * 64}` |",
        "| entity | miou | 0.25 |",
        "| steps | 5 |",
        "| tasks | entity |",
    ):
        assert part in card
