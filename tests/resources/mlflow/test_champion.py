"""Who is champion, who was, and the way back."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines import champion as command
from resources.mlflow import champion as champions
from resources.mlflow.champion import champion_version, crown, history, previous
from resources.mlflow.evaluations import keep_evaluations, kept_evaluations
from resources.mlflow.logged_models import FilesGone
from resources.mlflow.registry import ModelVersion
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.errors import ConfigError, DataError
from unigs.lineage.champions import read_champions

NAME = "unigs-test-joint"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=str(tmp_path / "store"))


@pytest.fixture
def tracking(store: Store) -> Tracking:
    """Three versions, none of them champion."""
    tracking = Tracking(store=store)
    client = tracking.client()
    client.create_registered_model(NAME)
    for _ in range(3):
        client.create_model_version(NAME, str(store.folder("files")))
    return tracking


def test_the_history_says_who_when_and_why(tracking: Tracking) -> None:
    assert champion_version(tracking, NAME) is None
    assert champion_version(tracking, "unknown") is None
    crown(tracking, NAME, "1", "gate", "the first model")
    crown(tracking, NAME, "3", "promote", "by hand")
    assert champion_version(tracking, NAME) == "3"
    assert [(r.version, r.by, r.reason) for r in history(tracking, NAME)] == [
        ("1", "gate", "the first model"),
        ("3", "promote", "by hand"),
    ]
    assert all(reign.at.endswith("+00:00") for reign in history(tracking, NAME))


def test_lineage_knows_the_champion_that_was_made_by_hand(tracking: Tracking, store: Store) -> None:
    assert read_champions(store.base) == {}
    crown(tracking, NAME, "1", "gate", "")
    crown(tracking, NAME, "3", "promote", "by hand")
    assert read_champions(store.base) == {NAME: "3"}


# What had not been done when the process was killed, and what does it.
CUT = {
    "the history": (MlflowClient, "set_registered_model_tag"),
    "the note for lineage": (champions, "note_champion"),
    "the alias": (MlflowClient, "set_registered_model_alias"),
}


@pytest.mark.parametrize("left", CUT)
def test_a_kill_anywhere_leaves_the_old_champion_and_promoting_again_notes_it_once(
    tracking: Tracking, store: Store, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    crown(tracking, NAME, "1", "gate", "the first model")
    with monkeypatch.context() as patch:
        patch.setattr(*CUT[left], killed)
        with pytest.raises(KeyboardInterrupt):
            crown(tracking, NAME, "2", "promote", "by hand")
    assert champion_version(tracking, NAME) == "1"
    assert [reign.version for reign in history(tracking, NAME)] == ["1"]
    crown(tracking, NAME, "2", "promote", "by hand")
    assert champion_version(tracking, NAME) == "2"
    assert [reign.version for reign in history(tracking, NAME)] == ["1", "2"]
    assert read_champions(store.base)[NAME] == "2"
    assert previous(tracking, NAME) == "1"
    # of a change to another one it stays an entry of the past
    crown(tracking, NAME, "3", "promote", "")
    crown(tracking, NAME, "2", "rollback", "")
    assert [reign.version for reign in history(tracking, NAME)] == ["1", "2", "3", "2"]


def test_a_kill_in_a_change_leaves_no_version_that_never_was_champion(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    crown(tracking, NAME, "1", "gate", "the first model")
    with monkeypatch.context() as patch:
        patch.setattr(*CUT["the alias"], killed)
        with pytest.raises(KeyboardInterrupt):
            crown(tracking, NAME, "2", "promote", "")
    crown(tracking, NAME, "3", "promote", "")
    assert previous(tracking, NAME) == "1"
    # an alias that somebody moved in MLflow's page is another thing
    tracking.client().set_registered_model_alias(NAME, "champion", "1")
    assert [reign.version for reign in history(tracking, NAME)] == ["1", "3"]


def test_a_long_history_keeps_the_newest(tracking: Tracking) -> None:
    for number in range(40):
        crown(tracking, NAME, str(1 + number % 3), "gate", f"{number} " + "x" * 500)
    kept = history(tracking, NAME)
    assert 10 < len(kept) < 40
    assert kept[-1].reason.startswith("39 ")


def test_rolling_back_goes_further_back_each_time(tracking: Tracking) -> None:
    for version in ("1", "2", "3"):
        crown(tracking, NAME, version, "gate", "")
    for expected in ("2", "1"):
        assert previous(tracking, NAME) == expected
        crown(tracking, NAME, expected, "rollback", "")
    with pytest.raises(ConfigError, match="no champion before version 1"):
        previous(tracking, NAME)


def test_after_a_promotion_of_an_earlier_champion_the_way_back_is_what_it_replaced(
    tracking: Tracking,
) -> None:
    for version in ("1", "2", "3"):
        crown(tracking, NAME, version, "gate", "")
    crown(tracking, NAME, "1", "promote", "")
    for expected in ("3", "2", "1"):
        assert previous(tracking, NAME) == expected
        crown(tracking, NAME, expected, "rollback", "")


def test_an_unknown_version_changes_nothing(tracking: Tracking) -> None:
    crown(tracking, NAME, "2", "gate", "")
    with pytest.raises(DataError, match=r"no version 9 \(it has 1, 2, 3\)"):
        crown(tracking, NAME, "9", "promote", "")
    assert champion_version(tracking, NAME) == "2"


def test_a_version_whose_files_are_gone_does_not_become_champion(
    tracking: Tracking, tmp_path: Path
) -> None:
    crown(tracking, NAME, "2", "gate", "")
    tracking.client().create_model_version(NAME, str(tmp_path / "gone"))
    with pytest.raises(FilesGone, match=f"files of {NAME}/4 are gone"):
        crown(tracking, NAME, "4", "promote", "")
    assert champion_version(tracking, NAME) == "2"


def test_the_commands(tracking: Tracking, store: Store, capsys: pytest.CaptureFixture) -> None:
    where = ["--store", str(store.base)]
    assert command.main(["promote", "1", *where]) == 0
    assert command.main(["promote", "3", "--reason", "better", *where]) == 0
    assert command.main(["rollback", *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"{NAME}: version 1 is the champion (before: 3)"
    )
    assert command.main(["rollback", *where]) == 1
    assert "no champion before version 1" in capsys.readouterr().err
    assert command.main(["promote", "1", "--model", "other", *where]) == 1
    assert f"no model other (give --model, one of: {NAME})" in capsys.readouterr().err
    assert command.main(["rollback", "--store", str(store.base / "none")]) == 1
    assert "no models there" in capsys.readouterr().err


def test_evaluations_come_back_for_the_same_shards_alone(
    tracking: Tracking, tmp_path: Path
) -> None:
    with tracking.run("training", tags={}, parameters={}) as run_id:
        pass
    version = ModelVersion(NAME, "1", run_id, "", tmp_path, {})
    place = tmp_path / "entity"
    place.mkdir()
    for name in ("metric_values.json", "image_scores.parquet"):
        (place / name).write_text(name)
    keep_evaluations(tracking, version, "a" * 64, {"entity": place})
    found = kept_evaluations(tracking, version, "a" * 64, ["entity"], tmp_path / "fetched")
    assert found is not None
    assert sorted(file.name for file in found["entity"].iterdir()) == [
        "image_scores.parquet",
        "metric_values.json",
    ]
    assert kept_evaluations(tracking, version, "b" * 64, ["entity"], tmp_path / "x") is None
    assert kept_evaluations(tracking, version, "a" * 64, ["other"], tmp_path / "y") is None
