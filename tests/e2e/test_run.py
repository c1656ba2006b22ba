"""``unigs run`` on 30 generated scenes: the whole graph, twice, with a look at what it left."""

import json
import tarfile
import time
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.run.keys import asset_key
from assets_defs.run.partitions import partition_key
from resources.mlflow.curves import training_losses
from resources.mlflow.registry import champion
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import TASKS, result_of, unigs
from unigs.comparison.curves import LOSSES, read_losses
from unigs.config.preset import load_preset
from unigs.shards.manifest import MANIFEST

pytestmark = pytest.mark.e2e

MODEL = "unigs-shapes-smoke-joint"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def first(store: Path, preset: Path) -> dict:
    begin = time.monotonic()
    result = result_of(unigs("run", "--preset", preset, "--store", store, "--json"))
    result["wall"] = time.monotonic() - begin
    return result


def test_every_task_has_its_metrics(first: dict) -> None:
    assert tuple(first["metrics"]) == TASKS
    for task, values in first["metrics"].items():
        assert values["n"] >= 1, task
        assert [key for key in values if key.startswith("miou")], task
        assert [key for key in values if key.startswith("untrained.")], task
        assert [key for key in values if "ceiling" in key], task
        kinds = ["all"] if task == "entity" else ["single", "multiple"]
        assert all(values[f"protocol.{kind}.n"] >= 1 for kind in kinds), task
    assert Path(first["model"]["joint"], "model_index.json").is_file()
    assert first["cached"] == []


def test_colormaps_are_refined_in_every_stage(first: dict, store: Path, preset: Path) -> None:
    wanted = load_preset(str(preset)).codec.refine_steps
    assert wanted > 0
    index = json.loads(Path(first["model"]["joint"], "model_index.json").read_text())
    assert index["refine_steps"] == wanted
    folders = list((store / "shapes-smoke" / "latents").rglob(MANIFEST))
    assert len(folders) == 2 * len(TASKS)
    for folder in folders:
        assert json.loads(folder.read_text())["configuration"]["refine_steps"] == wanted


def test_second_run_rebuilds_nothing(first: dict, store: Path, preset: Path) -> None:
    done = unigs("run", "--preset", preset, "--store", store, "--json")
    second = result_of(done)
    assert second["built"] == []
    assert sorted(second["cached"]) == sorted(first["built"])
    assert second["metrics"] == first["metrics"]
    assert "nothing had changed" in done.stderr


def test_the_papers_tables_have_a_row_for_the_model(first: dict, store: Path, preset: Path) -> None:
    done = unigs("run", "--job", "paper_tables", "--preset", preset, "--store", store, "--json")
    tables = result_of(done)["tables"]
    assert set(tables) == {"3", "4", "5", "6", "7", "8", "9", "10"}
    entity = tables["6"]
    assert entity["method"][-1] == "joint"
    place = entity["source"].index("measured")
    assert entity["mIoU"][place] == first["metrics"]["entity"]["protocol.all.miou"]
    assert entity["mIoU low"][place] <= entity["mIoU"][place] <= entity["mIoU high"][place]
    assert "PDM" in tables["8"]["method"]
    client = Tracking(store=Store(root=str(store))).client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    logged = [run for run in runs if run.info.run_name == "table 6 shapes-smoke"]
    assert client.load_table(
        experiment.experiment_id, "tables/table_6.json", [logged[0].info.run_id]
    ).shape[0] == len(entity["method"])


def test_lineage_leads_from_the_champion_to_the_shards(first: dict, store: Path) -> None:
    tracking = Tracking(store=Store(root=str(store)))
    best = champion(tracking, MODEL)
    assert best is not None
    client = tracking.client()
    training = client.get_run(best.run_id)
    assert training.info.status == "FINISHED"
    assert training.data.tags["dagster.run_id"] == first["run_id"]
    assert {item.dataset.name for item in training.inputs.dataset_inputs} == {
        *(f"shapes-train.{task}" for task in TASKS),
        "shapes-train.scenes",
        "shapes-train.annotations",
    }
    assert client.get_metric_history(best.run_id, "loss")
    pictures = {item.path for item in client.list_artifacts(best.run_id, "images")}
    assert "images/preview-00000008.png" in pictures
    previews = store / "shapes-smoke" / "weights" / "joint" / "previews"
    assert (previews / "step-00000008.png").is_file()
    losses = read_losses(previews.parent / LOSSES)
    assert losses["loss"] == training_losses(tracking, best.run_id)["loss"]
    experiment = client.get_experiment_by_name("unigs")
    evaluated = client.search_runs(
        [experiment.experiment_id], f"tags.training_run = '{best.run_id}'"
    )
    assert {run.data.params["task"] for run in evaluated} == set(TASKS)
    assert all(client.list_artifacts(run.info.run_id, "images") for run in evaluated)
    record = json.loads((store / "shapes-smoke" / "protocol" / "kept.json").read_text())
    assert {run.data.tags["protocol"] for run in evaluated} == {record["digest"]}


def test_the_models_cards_name_its_data_and_metrics(first: dict, store: Path) -> None:
    best = champion(Tracking(store=Store(root=str(store))), MODEL)
    assert best is not None
    base = store / "shapes-smoke"
    registered = (best.folder / "README.md").read_text()
    assert "| shapes-train.entity | `" in registered
    assert "license: apache-2.0" in registered
    evaluated = (base / "report" / "joint" / "README.md").read_text()
    assert f"| entity | miou | {first['metrics']['entity']['miou']:.4g} |" in evaluated


def test_dagster_knows_every_partition(first: dict, store: Path, monkeypatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(store / "dagster"))
    with dg.DagsterInstance.get() as instance:
        keys = instance.get_materialized_partitions(asset_key("shapes-smoke", "latents"))
        record = instance.get_latest_materialization_event(
            asset_key("shapes-smoke", "joint_report")
        )
    expected = {
        partition_key("shapes", split, task) for split in ("train", "val") for task in TASKS
    }
    assert keys == expected
    table = record.asset_materialization.metadata["table"]
    assert "miou" in table.md_str


def test_more_training_steps_retrain_and_keep_the_data(
    first: dict, store: Path, preset: Path
) -> None:
    done = unigs(
        "run", "--preset", preset, "--store", store, "--train-steps", "10", "--json",
        "--job", "train_and_evaluate_joint",
    )  # fmt: skip
    again = result_of(done)
    assert "joint_weights" in again["built"]
    assert "evaluator/segmenter" in again["cached"]
    assert "shards" not in again["built"] + again["cached"]


def test_the_gate_compared_it_image_by_image_and_the_champion_can_be_changed(
    first: dict, store: Path
) -> None:
    decision = json.loads((store / "shapes-smoke/gate/joint/decision.json").read_text())
    assert set(decision["differences"]) == {"mean", *TASKS}
    for found in decision["differences"].values():
        assert found["images"] >= 1
        assert found["ci_low"] <= found["difference"] <= found["ci_high"]
    assert not (store / "shapes-smoke/gate/joint/entity").exists(), "the champion's were logged"
    page = (store / "shapes-smoke/gate/joint/comparison.html").read_text()
    assert f"{MODEL}/{decision['candidate']} left" in page
    client = Tracking(store=Store(root=str(store))).client()
    training = client.get_model_version(MODEL, decision["candidate"]).run_id
    assert [item.path for item in client.list_artifacts(training, "gate")] == [
        "gate/comparison.html"
    ]
    other = "1" if decision["champion"] == "2" else "2"
    changed = result_of(unigs("promote", other, "--store", store, "--reason", "by hand", "--json"))
    assert (changed["before"], changed["version"]) == (decision["champion"], other)
    best = champion(Tracking(store=Store(root=str(store))), MODEL)
    assert best is not None
    assert best.version == other


def test_a_flipped_byte_stops_the_run_and_a_deleted_shard_is_built_again(
    first: dict, store: Path, preset: Path
) -> None:
    shard = next((store / "shapes-smoke" / "shards" / "val" / "entity").glob("*.tar"))
    whole = shard.read_bytes()
    with tarfile.open(shard) as tar:
        member = tar.getmembers()[0]
    damaged = bytearray(whole)
    damaged[member.offset_data + 1] ^= 1
    shard.write_bytes(damaged)
    stopped = unigs("run", "--preset", preset, "--store", store, "--json", check=False)
    assert stopped.returncode == 1
    told = stopped.stderr.splitlines()[-1]
    assert shard.name in told
    assert member.name.partition(".")[0] in told
    shard.unlink()
    third = result_of(unigs("run", "--preset", preset, "--store", store, "--json"))
    assert "shards" in third["built"]
    assert shard.read_bytes() == whole
    assert "joint_weights" not in third["built"] or third["metrics"] == first["metrics"]


def test_unknown_preset_is_one_line_and_exit_1(tmp_path: Path) -> None:
    done = unigs("run", "--preset", "gigantic", "--store", tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "gigantic" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--dataset", "coco_panoptic"], 2, "--root"),
        (["--dataset", "nonsense"], 2, "nonsense"),
        (["--dataset", "coco_panoptic", "--root", "/nowhere"], 1, "no such folder"),
        (["--store", "/proc/store"], 1, "cannot be written"),
    ],
)
def test_wrong_use_and_bad_places(arguments: list[str], code: int, words: str) -> None:
    done = unigs("run", *arguments, check=False)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
