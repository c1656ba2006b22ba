"""A run counts for the settings that it had, and for no others."""

import json
from typing import Any

import dagster as dg
import pytest

from assets_defs.run.partitions import settings_tags
from pipelines.automation.run_history import concerns
from resources.run_settings import GraphSettings
from tests.support.runs.arrivals import Place


def with_settings(request: dg.RunRequest, **changes: Any) -> dg.RunRequest:
    config = json.loads(json.dumps(request.run_config))
    config["resources"]["settings"]["config"] |= changes
    return dg.RunRequest(run_key="other", run_config=config, tags=request.tags)


@pytest.mark.parametrize(
    "changes", [{"overrides": {"training.batch_size": 8}}, {"train_steps": 3}], ids=str
)
def test_a_run_with_other_settings_is_a_hindrance_and_no_proof(
    place: Place, changes: dict[str, Any]
) -> None:
    """It is in the same folders, and leaves another model there."""
    place.queue(with_settings(place.requested(), **changes))
    assert "queued or at work" in str(place.tick())
    place.end("well")
    assert isinstance(place.tick(), dg.RunRequest)


def test_a_run_of_another_code_locations_launchpad_is_no_hindrance(place: Place) -> None:
    """Its configuration is empty, and its tags tell what it is of."""
    place.tick()
    place.queue(dg.RunRequest(run_key="other", tags=settings_tags(GraphSettings())))
    assert isinstance(place.tick(), dg.RunRequest)


def test_the_same_settings_in_other_words_are_proof(place: Place) -> None:
    steps = place.settings.values.training.steps
    place.run(with_settings(place.requested(), overrides={"training.steps": steps}))
    assert "none changed since run" in str(place.tick())


def test_a_run_with_a_setting_that_is_no_more_is_no_proof(place: Place) -> None:
    place.run(with_settings(place.requested(), overrides={"training.luck": 3}))
    assert isinstance(place.tick(), dg.RunRequest)


def test_other_settings_of_the_code_location_are_asked_for_under_another_key(place: Place) -> None:
    place.queue(place.requested())
    place.end("well")
    place.settings = GraphSettings(
        dataset=place.settings.dataset,
        root=place.settings.root,
        overrides={"training.batch_size": 8},
    )
    assert place.requested().run_key not in place.keys


def test_settings_without_a_folder_are_a_sentence(place: Place) -> None:
    place.settings = GraphSettings(dataset=place.settings.dataset)
    assert "nothing is launched" in str(place.tick())


def test_a_setting_that_the_launchpad_took_from_the_environment_is_no_proof() -> None:
    config = {"resources": {"settings": {"config": {"preset": {"env": "UNIGS_PRESET"}}}}}
    assert not concerns(config, GraphSettings())
