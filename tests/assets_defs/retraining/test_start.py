"""A training again begins where the policy says, and does not begin without need."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets_defs.cache.build import Built, build_or_reuse, building_place
from assets_defs.retraining import start as starting
from assets_defs.retraining.start import START, Start, Starts
from resources.mlflow.registry import ModelVersion
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.config.preset import load_preset
from unigs.errors import ModelError

NAME = "unigs-shapes-tiny-joint"
CHAMPION = {"retraining.start": "champion", "retraining.steps": 7}


class Champions:
    """A model's champions, in place of the registry."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.version = folder, ""
        self.fault: Exception | None = None
        patch.setattr(starting, "champion_version", lambda *_: self.version or None)
        patch.setattr(starting, "champion", lambda *_: self.found())
        patch.setattr(starting, "tainted_by_forgotten", lambda store: self.tainted)
        patch.setattr(Starts, "_require_fit", self.fit)
        self.tainted: list[str] = []

    def found(self) -> ModelVersion:
        if isinstance(self.fault, OSError):
            raise self.fault
        tags = {"model.digest": f"digest of {self.version}"}
        return ModelVersion(NAME, self.version, "run", "model", self.folder, tags)

    def fit(self, folder: Path) -> None:
        assert folder == self.folder
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def champions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Champions:
    return Champions(tmp_path / "champion", monkeypatch)


@pytest.fixture
def starts(tmp_path: Path) -> Callable[[dict[str, Any]], Starts]:
    def of(overrides: dict[str, Any]) -> Starts:
        tracking = Tracking(store=Store(root=str(tmp_path / "store")))
        preset = load_preset("tiny", overrides)
        parts = tmp_path / "autoencoder", tmp_path / "text_encoder"
        return Starts(tracking, preset, tmp_path / "weights", NAME, *parts)

    return of


def trained(starts: Starts, data: str, fails: bool = False) -> Start:
    """Train on ``data``, as the asset does; the start of what stands there afterwards."""
    inputs = {"data": data}
    start = starts.decide(inputs)

    def build(place: Path, resume: bool) -> Built:
        start.write(place)
        if fails:
            raise KeyboardInterrupt
        return Built(f"{data} {start.version}")

    build_or_reuse(starts.weights, inputs | start.inputs, build)
    return start


def test_the_first_training_is_an_ordinary_one(champions: Champions, starts: Any) -> None:
    start = trained(starts(CHAMPION), "one")
    assert (start.again, start.inputs, start.folder, start.said) == (False, {}, "", "")
    assert start.provenance == {"started_from": "scratch"}


def test_by_default_nothing_is_asked_of_the_registry(champions: Champions, starts: Any) -> None:
    champions.version = "1"
    assert starts({}).decide({"data": "one"}) == Start()


def test_new_data_goes_on_from_the_champion(champions: Champions, starts: Any) -> None:
    trained(starts(CHAMPION), "one")
    champions.version = "1"
    start = trained(starts(CHAMPION), "two")
    assert start.again
    assert start.folder == str(champions.folder)
    assert start.inputs == {"start": {"version": f"{NAME}/1", "model": "digest of 1"}}
    assert start.provenance == {"started_from": f"{NAME}/1"}
    assert f"goes on from the champion {NAME}/1" in start.said


def test_what_is_trained_is_not_trained_again_for_its_being_the_champion(
    champions: Champions, starts: Any
) -> None:
    trained(starts(CHAMPION), "one")
    champions.version = "1"
    assert not starts(CHAMPION).decide({"data": "one"}).again
    second = trained(starts(CHAMPION), "two")
    champions.version = "2"
    assert starts(CHAMPION).decide({"data": "two"}) == second
    # another budget is no reason either
    assert starts({**CHAMPION, "retraining.steps": 9}).decide({"data": "two"}) == second
    third = trained(starts(CHAMPION), "three")
    assert third.version == f"{NAME}/2"


def test_an_interrupted_training_keeps_its_start(champions: Champions, starts: Any) -> None:
    champions.version = "1"
    with pytest.raises(KeyboardInterrupt):
        trained(starts(CHAMPION), "two", fails=True)
    building = building_place(starts(CHAMPION).weights)
    assert (building / START).is_file()
    (building / "checkpoints" / "step-1").mkdir(parents=True)
    champions.version, champions.fault = "2", OSError("gone")
    assert trained(starts(CHAMPION), "two").version == f"{NAME}/1"


def test_from_scratch_with_a_budget_of_its_own(champions: Champions, starts: Any) -> None:
    champions.version = "1"
    start = trained(starts({"retraining.steps": 7}), "two")
    assert (start.again, start.version, start.folder) == (True, "", "")
    assert starts({"retraining.steps": 7}).decide({"data": "two"}) == start


def test_a_warm_model_does_not_pass_for_one_from_scratch(champions: Champions, starts: Any) -> None:
    champions.version = "1"
    warm = trained(starts(CHAMPION), "two")
    scratch = starts({"retraining.steps": 7}).decide({"data": "two"})
    assert scratch.inputs != warm.inputs
    assert scratch.version == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError("no such file"), f"folder of the champion {NAME}/1 is gone (no such file)"),
        (ModelError("another shape", hint="so"), "begins from scratch: another shape (so)"),
    ],
)
def test_a_champion_that_cannot_be_gone_on_from_is_told(
    champions: Champions, starts: Any, fault: Exception, said: str
) -> None:
    champions.version, champions.fault = "1", fault
    start = trained(starts(CHAMPION), "two")
    assert (start.again, start.version) == (True, "")
    assert said in start.said


def test_a_fault_that_passes_decides_nothing(champions: Champions, starts: Any) -> None:
    champions.version, champions.fault = "1", OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        trained(starts(CHAMPION), "two")
    champions.fault = None
    assert trained(starts(CHAMPION), "two").version == f"{NAME}/1"


def test_a_champion_that_saw_forgotten_images_is_not_gone_on_from(
    champions: Champions, starts: Any
) -> None:
    champions.version, champions.tainted = "1", [f"{NAME}/1"]
    start = trained(starts(CHAMPION), "two")
    assert start.version == ""
    assert "images to be forgotten" in start.said


def test_the_budget_takes_the_place_of_the_first_trainings() -> None:
    again = load_preset("tiny", CHAMPION).again().training
    assert (again.steps, again.hours) == (7, None)
    timed = load_preset("tiny", {"retraining.hours": 2.5}).again().training
    assert (timed.steps, timed.hours) == (load_preset("tiny").training.steps, 2.5)
