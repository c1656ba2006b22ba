"""How samples of a split are drawn: a preset's data section as sample options."""

from __future__ import annotations

from collections.abc import Sequence

from unigs.colormap import Palette
from unigs.config.preset import Preset
from unigs.samples.options import SampleOptions


def sample_options(
    preset: Preset, class_names: Sequence[str], split: str, exhaustive: bool = True
) -> SampleOptions:
    """Return the options of the split: on any but `train` as in the test protocol (fewer entities,
    the crop in the centre, pictures as they are, a class negative by lambda alone).

    Args:
        exhaustive: as in `unigs.config.data.MixedDataset`.
    """
    data = preset.data
    training = split == "train"
    return SampleOptions(
        palette=Palette.from_name(preset.codec.palette),
        class_names=tuple(class_names),
        size=data.size,
        max_entities=data.train_entities if training else data.test_entities,
        negative_probability=data.negative_probability,
        all_negative=data.all_negative if training else 0.0,
        min_area=data.min_area,
        random_crop=data.random_crop and training,
        crop_scale=data.crop_scale if training else (1.0, 1.0),
        flip_probability=data.flip_probability if training else 0.0,
        color_jitter=data.color_jitter if training else 0.0,
        exhaustive=exhaustive,
    )
