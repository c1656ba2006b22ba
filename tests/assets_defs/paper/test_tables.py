"""The paper's tables: rows for the models at hand, and a warning for what was not measured."""

from pathlib import Path

import dagster as dg
import pytest

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.paper.table_asset import WHOLE
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import materialise
from unigs.evaluation.metric_values import MetricValue, MetricValues

SETTINGS = GraphSettings(preset="tiny", dataset="shapes")


def evaluated(store: Store, model: str, *metrics: str) -> None:
    """An evaluation of the entity task with these metrics on the protocol."""

    def build(folder: Path, resume: bool) -> Built:
        MetricValues(tuple(MetricValue(name, 0.5, protocol="all") for name in metrics)).write(
            folder
        )
        return Built(f"{model} {metrics}")

    place = Folders.of(store, SETTINGS).evaluation(model, "entity")
    build_or_reuse(place, {"metrics": metrics}, build)


def table_6(store: Store) -> tuple[dg.AssetCheckEvaluation, str]:
    result = materialise(store, SETTINGS, ["table_6"])
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    (event,) = result.get_asset_materialization_events()
    table = event.materialization.metadata["table"]
    assert isinstance(table, dg.MarkdownMetadataValue)
    return evaluation, table.md_str or ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=str(tmp_path / "store"))


def test_every_model_at_hand_has_a_row_and_what_is_missing_warns(store: Store) -> None:
    evaluated(store, "joint", "miou", "recall_50", "ap_e")
    check, table = table_6(store)
    assert (check.check_name, check.passed) == (WHOLE, True)
    assert "| joint | 0.500 | 0.500 | 0.500 |" in table
    assert "| UniGS (paper) | 0.631 | 0.692 | 0.407 |" in table
    evaluated(store, "entity", "miou", "recall_50")
    check, table = table_6(store)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == "not measured: entity: AP^e"
    assert "| entity | 0.500 | 0.500 | - |" in table


def test_without_a_model_the_check_warns(store: Store) -> None:
    check, _ = table_6(store)
    assert not check.passed
