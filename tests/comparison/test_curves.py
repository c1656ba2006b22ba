import json
import shutil

import pytest

from unigs.comparison.curves import LOSSES, LossRecord, losses_of, note_model, read_losses


@pytest.fixture
def trained(tmp_path):
    """A training's folder, as `unigs train --out` leaves it."""
    record = LossRecord(tmp_path / "trained" / LOSSES, resumed=False)
    record(20, {"loss": 0.5, "samples_per_second": 3.0})
    record(20, {"validation_loss": 0.7})
    record(30, {"samples_per_second": 3.0})
    record(40, {"loss": 0.25})
    (tmp_path / "trained" / "model").mkdir()
    return tmp_path / "trained"


EXPECTED = {"loss": [(20, 0.5), (40, 0.25)], "validation_loss": [(20, 0.7)]}


def test_losses_survive_a_file_and_a_step_told_twice_counts_last(trained):
    assert read_losses(trained / LOSSES) == EXPECTED
    again = LossRecord(trained / LOSSES, resumed=True)
    again(40, {"loss": 0.125})
    with (trained / LOSSES).open("a") as lines:
        lines.write('{"step": 60, "lo')
    assert read_losses(trained / LOSSES)["loss"] == [(20, 0.5), (40, 0.125)]
    LossRecord(trained / LOSSES, resumed=False)
    assert not (trained / LOSSES).exists()


def test_an_evaluation_leads_to_the_losses_of_its_model(trained, folders, tmp_path):
    evaluation = shutil.copytree(folders[0], tmp_path / "evaluated" / "referring")
    curves, told = losses_of(evaluation, "good")
    assert not curves
    assert told == "No losses of the training of good: its evaluation does not name its model."
    note_model(evaluation, trained / "model")
    for folder in (evaluation, evaluation.parent):
        assert losses_of(folder, "good") == (EXPECTED, "")
    # another training took its place
    (trained / LOSSES).write_text(json.dumps({"step": 1, "loss": 9.0}))
    assert losses_of(evaluation, "good") == (EXPECTED, "")
    (trained / LOSSES).unlink()
    note_model(evaluation, trained / "model")
    assert "there is no losses.jsonl beside its model" in losses_of(evaluation, "good")[1]


def test_a_line_that_was_cut_short_takes_no_other_with_it(tmp_path):
    file = tmp_path / LOSSES
    file.write_text('{"step": 20, "loss": 1.0}\n{"step": 40, "lo')
    record = LossRecord(file, resumed=True)
    record(60, {"loss": 0.5})
    record(80, {"loss": 0.25})
    assert read_losses(file) == {"loss": [(20, 1.0), (60, 0.5), (80, 0.25)]}


def test_bytes_that_are_no_text_take_no_other_line_with_them(tmp_path):
    file = tmp_path / LOSSES
    file.write_bytes(b'{"step": 20, "loss": 1.0}\n\x00\xff\n{"step": 40, "loss": 0.5}\n')
    assert read_losses(file) == {"loss": [(20, 1.0), (40, 0.5)]}


def test_a_record_that_cannot_be_written_ends_no_training(tmp_path, caplog):
    record = LossRecord(tmp_path / LOSSES, resumed=False)
    (tmp_path / LOSSES).mkdir()
    for step in (1, 2):
        record(step, {"loss": 1.0})
    assert len([r for r in caplog.records if "losses are not recorded" in r.message]) == 1


def test_models_of_a_store_have_theirs_with_the_weights(trained, folders, tmp_path):
    base = tmp_path / "store" / "shapes-tiny"
    evaluation = shutil.copytree(folders[0], base / "evaluation" / "joint" / "referring")
    (base / "weights" / "joint").mkdir(parents=True)
    shutil.copy(trained / LOSSES, base / "weights" / "joint" / LOSSES)
    for folder in (evaluation, evaluation.parent):
        assert losses_of(folder, "joint") == (EXPECTED, "")
    elsewhere = shutil.copytree(folders[0], tmp_path / "elsewhere")
    (base / "models" / "joint" / "pipeline").mkdir(parents=True)
    note_model(elsewhere, base / "models" / "joint" / "pipeline")
    assert losses_of(elsewhere, "joint") == (EXPECTED, "")


def test_what_is_no_folder_is_named_as_it_was_given(folders, tmp_path):
    evaluation = shutil.copytree(folders[0], tmp_path / "hub")
    note_model(evaluation, "owner/name@revision")
    assert json.loads((evaluation / "model.json").read_text()) == {"model": "owner/name@revision"}
    assert losses_of(evaluation, "hub")[0] == {}
