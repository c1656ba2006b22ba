"""What a split's samples take from the preset."""

from unigs.config.preset import load_preset
from unigs.samples.split_options import sample_options


def test_held_out_samples_keep_to_lambda():
    preset = load_preset("tiny", {"data.all_negative": 0.3, "data.negative_probability": 0.1})
    train, held_out = (sample_options(preset, ["ball"], split) for split in ("train", "val"))
    assert (train.all_negative, held_out.all_negative) == (0.3, 0.0)
    assert train.negative_probability == held_out.negative_probability == 0.1
