"""The loop: it learns, resumes to the bit, averages, and stops on what is not finite."""

import math
import shutil
import threading

import numpy as np
import pytest
import torch

from tests.support.models.tiny_stream import CHANNELS, SIDE, RandomStream, tiny_unet
from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ModelError
from unigs.latents import ahead
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.tasks import TASKS
from unigs.training import loop
from unigs.training.loop import Interrupted, train
from unigs.training.schedule import learning_rate, training_steps
from unigs.training.validation import PREVIEW_COLUMNS, PREVIEW_ROWS

DIFFUSION = DiffusionConfig(
    scheduler={
        "num_train_timesteps": 50,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "clip_sample": False,
    }
)


def training(**changes) -> TrainingConfig:
    values = {
        "steps": 6,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "warmup_steps": 2,
        "precision": "fp32",
        "checkpoint_every": 2,
        "validate_every": 3,
    }
    return TrainingConfig(**(values | changes))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    unet = tiny_unet()
    train(unet, RandomStream(), training(), DIFFUSION, tmp_path_factory.mktemp("whole"))
    return unet.state_dict()


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path, uninterrupted, stop_after):
    done = []
    with pytest.raises(Interrupted):
        train(
            tiny_unet(),
            RandomStream(),
            training(),
            DIFFUSION,
            tmp_path,
            should_stop=lambda: done.append(1) or len(done) == stop_after,
        )
    # Another initialisation: everything must come from the checkpoint.
    unet = tiny_unet(seed=1)
    report = train(unet, RandomStream(), training(), DIFFUSION, tmp_path)
    assert report.resumed_from == stop_after
    for name, value in uninterrupted.items():
        assert torch.equal(unet.state_dict()[name], value), name


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(tmp_path, uninterrupted, caplog):
    train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    folders = sorted((tmp_path / "checkpoints").iterdir())
    assert [folder.name for folder in folders] == ["step-00000004", "step-00000006"]
    damaged = folders[-1] / "unet.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    unet = tiny_unet(seed=1)
    report = train(unet, RandomStream(), training(), DIFFUSION, tmp_path)
    assert report.resumed_from == 4
    assert "step-00000006 is damaged" in caplog.text
    assert all(torch.equal(unet.state_dict()[name], v) for name, v in uninterrupted.items())


def test_a_half_written_checkpoint_does_not_count(tmp_path, uninterrupted):
    train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    shutil.move(newest, newest.with_name(".step-00000006.half"))
    report = train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    assert report.resumed_from == 4
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_a_checkpoint_on_its_way_into_its_place_counts(tmp_path):
    train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    swap = newest.with_name(f".{newest.name}.abcd_123")
    (swap / "old").mkdir(parents=True)
    newest.rename(swap / "new")
    assert train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path).resumed_from == 6
    assert not swap.exists()


def test_damaged_checkpoints_of_later_steps_cost_no_new_one(tmp_path):
    for step in (8, 9):
        (tmp_path / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    report = train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    assert report.resumed_from == 6


def test_the_result_is_the_average_of_the_weights(tmp_path):
    averaged, last = tiny_unet(), tiny_unet()
    train(averaged, RandomStream(), training(ema_decay=0.5), DIFFUSION, tmp_path / "a")
    train(last, RandomStream(), training(ema_decay=0.0), DIFFUSION, tmp_path / "b")
    name = "conv_in.weight"
    assert not torch.equal(averaged.state_dict()[name], last.state_dict()[name])
    checkpoints = sorted((tmp_path / "b" / "checkpoints").iterdir())
    from safetensors.torch import load_file

    assert torch.equal(
        load_file(checkpoints[-1] / "unet.safetensors")[name], last.state_dict()[name]
    )


def test_the_loss_goes_down(tmp_path):
    class OneBatch(RandomStream):
        def batch(self, step):
            return super().batch(0)

    logged = {}
    train(
        tiny_unet(),
        OneBatch(),
        training(steps=120, checkpoint_every=1000, learning_rate=5e-3),
        DIFFUSION,
        tmp_path,
        log=lambda step, metrics: logged.setdefault(step, metrics),
    )
    assert logged[120]["loss"] < 0.8 * logged[20]["loss"]
    assert set(logged[120]) >= {"learning_rate", "samples_per_second", "remaining_seconds"}
    # A UNet of a few thousand parameters, but torch itself is loaded.
    assert 1e8 < logged[120]["peak_memory_bytes"] < 1e11


def test_validation_is_logged_by_task_and_noise_level(tmp_path):
    logged = {}
    train(
        tiny_unet(),
        RandomStream(),
        training(),
        DIFFUSION,
        tmp_path,
        validation=RandomStream(8),
        log=lambda step, metrics: logged.setdefault(step, {}).update(metrics),
    )
    names = {name for name in logged[3] if name.startswith("validation_loss.")}
    assert len(names) == 4 * 3
    assert "validation_loss.referring.t100" in names


def test_the_second_step_already_tells_how_long_it_will_take(tmp_path):
    logged = {}
    train(
        tiny_unet(), RandomStream(), training(steps=5), DIFFUSION, tmp_path,
        log=lambda step, metrics: logged.setdefault(step, metrics),
    )  # fmt: skip
    assert sorted(logged) == [2, 5]
    rate = logged[2]["samples_per_second"] / 4
    assert logged[2]["remaining_seconds"] == pytest.approx(3 / rate)


def test_pictures_are_shown_early_and_at_the_end_and_change_no_weight(tmp_path, monkeypatch):
    autoencoder = PatchAutoencoder(patch_size=4, latent_channels=CHANNELS)
    pictures = {}

    def weights(folder, **options):
        unet = tiny_unet()
        train(
            unet, RandomStream(), training(steps=5, validate_every=4), DIFFUSION, tmp_path / folder,
            validation=RandomStream(8), autoencoder=autoencoder, **options,
        )  # fmt: skip
        return unet.state_dict()

    monkeypatch.setattr(loop, "FIRST_PREVIEW_SECONDS", 0.0)
    seen = weights("seen", on_preview=pictures.__setitem__)
    # After "a minute", now and then, and at the end.
    assert next(iter(pictures)) == 1
    assert list(pictures)[-1] == 5
    rows, columns = PREVIEW_ROWS * len(TASKS), len(PREVIEW_COLUMNS)
    side = 4 * SIDE + 2
    assert pictures[1].shape == (rows * side - 2, columns * side - 2, 3)
    assert pictures[1].dtype == np.uint8
    # What the model makes of a sample changes, what it was given and what is true does not.
    changed = (pictures[1] != pictures[5]).any((0, 2))
    given, predicted = slice(0, side), slice(side, 3 * side)
    assert not changed[given].any()
    assert changed[predicted].any()
    assert not changed[3 * side :].any()
    monkeypatch.setattr(loop, "FIRST_PREVIEW_SECONDS", 3600.0)
    last = {}
    weights("short", on_preview=last.__setitem__)
    assert list(last) == [5]
    unseen = weights("unseen")
    assert all(torch.equal(value, unseen[name]) for name, value in seen.items())


def test_a_loss_that_is_not_finite_stops_and_keeps_the_batch(tmp_path):
    with pytest.raises(ModelError, match=r"step 3: loss is nan; its batch is in"):
        train(tiny_unet(), RandomStream(poison=3), training(), DIFFUSION, tmp_path)
    assert (tmp_path / "not-finite-00000003.safetensors").is_file()


def test_the_rate_rises_then_falls():
    config = training(steps=100, warmup_steps=10, final_rate=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4, rel=0.05)


def test_epochs_become_steps():
    stream = RandomStream()
    assert training_steps(training(steps=None, epochs=4), stream) == math.ceil(4 * 2.5)
    stream.stores = {"referring": None}
    assert training_steps(training(steps=None, single_task_epochs=3), stream) == 6


def test_batches_prepared_ahead_change_nothing(tmp_path, monkeypatch):
    plain, threaded = tiny_unet(), tiny_unet()
    train(plain, RandomStream(), training(), DIFFUSION, tmp_path / "plain")
    monkeypatch.setattr(ahead, "worth_a_thread", lambda device: True)
    logged = {}
    train(
        threaded, RandomStream(), training(), DIFFUSION, tmp_path / "threaded",
        log=lambda step, metrics: logged.update(metrics),
    )  # fmt: skip
    for one, other in zip(plain.parameters(), threaded.parameters(), strict=True):
        assert torch.equal(one, other)
    assert 0 <= logged["loader_share"] < 1
    # Stopped in the middle and resumed.
    resumed = tiny_unet()
    with pytest.raises(Interrupted):
        train(
            resumed, RandomStream(), training(), DIFFUSION, tmp_path / "parts",
            should_stop=lambda: True,
        )  # fmt: skip
    train(resumed, RandomStream(), training(), DIFFUSION, tmp_path / "parts")
    for one, other in zip(plain.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
