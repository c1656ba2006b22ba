"""The data section of a preset: which scenes a run reads, and how samples are drawn."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from unigs.config.strict import Strict
from unigs.tasks import TASKS

# What stands for all data sets of `DataConfig.mix` where one is named.
MIX = "mix"
# Names of folders, of partitions and in keys of metrics.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class MixedDataset(Strict):
    """One of several data sets that are trained on together.

    Attributes:
        format: of its files, a name of `unigs.datasets.DATASETS`; empty where the data set is
            called as its format.
        root: its folder, relative to the run's root; empty for a folder named as the data set, or
            for the generated `shapes` without one.
        tasks: what it is trained on; COCO panoptic leaves a tenth of its pixels unlabelled, so
            that it is left out of the entity task.
        weight: its share of each of these tasks, on any positive scale; null for all data sets
            lets their numbers of samples weigh.
        exhaustive: every entity of its classes is labelled. Where it is not, an unlabelled place
            may hold more of what a referring prompt names, and weighs nothing in that task.
    """

    format: str = ""
    root: str = ""
    tasks: tuple[str, ...] = tuple(TASKS)
    weight: float | None = Field(None, gt=0)
    exhaustive: bool = True

    @model_validator(mode="after")
    def _known(self) -> MixedDataset:
        if not self.tasks or set(self.tasks) - set(TASKS):
            raise ValueError(f"tasks {list(self.tasks)}: give some of {list(TASKS)}")
        return self


class DataConfig(Strict):
    """Which scenes, and how samples are drawn from them (paper, section 4.1 and supplement).

    Attributes:
        dataset: the data set of ``mix`` on whose validation split a mix is evaluated; a run on
            one data set names it itself.
        train_scenes, val_scenes: size of the generated `shapes` set.
        size: side of a sample in pixels.
        seed: of everything that is drawn.
        variants: samples drawn per scene and task.
        train_entities, test_entities: most entities a sample has (4 and 3 in the paper).
        negative_probability: lambda of section 3.4.
        all_negative: share of referring training samples whose every class is negative.
        min_area: least share of a sample's pixels of an entity that is drawn.
        random_crop: crop training samples at random along the longer side.
        crop_scale: least and largest side of a training sample's square, in shares of the picture's
            shorter side: it is drawn evenly between the two, and lies anywhere. Pictures are cut,
            never squeezed; a square smaller than `size` is enlarged.
        flip_probability: share of training samples that are mirrored. Entities take the colours of
            their mirrored places.
        color_jitter: a training sample's brightness, contrast and saturation are each multiplied by
            a number drawn between 1 - color_jitter and 1 + color_jitter.
        image_format: of the pictures in shards; `png` loses nothing, `jpg` takes less room.
        samples_per_shard: about as many in each tar.
        quarantined_share: share of quarantined records above which the run stops.
        latents: samples are encoded once, to disk; false: training encodes them on the fly.
        mix: the training data sets of a run on the data set ``mix``, by names of your own, or
            of their formats. It is evaluated on the validation split of ``dataset``, which is one
            of them.
    """

    dataset: str = "shapes"
    train_scenes: int = Field(5000, ge=1)
    val_scenes: int = Field(256, ge=1)
    size: int = Field(512, ge=16)
    seed: int = 0
    variants: int = Field(1, ge=1)
    train_entities: int = Field(4, ge=1)
    test_entities: int = Field(3, ge=1)
    negative_probability: float = Field(0.2, ge=0, le=1)
    all_negative: float = Field(0.0, ge=0, le=1)
    min_area: float = Field(1 / 1024, ge=0, lt=1)
    random_crop: bool = False
    crop_scale: tuple[float, float] = (1.0, 1.0)
    flip_probability: float = Field(0.0, ge=0, le=1)
    color_jitter: float = Field(0.0, ge=0, lt=1)
    image_format: Literal["png", "jpg"] = "png"
    samples_per_shard: int = Field(256, ge=1)
    quarantined_share: float = Field(0.05, ge=0, le=1)
    latents: bool = True
    mix: dict[str, MixedDataset] = Field(default_factory=dict)

    @property
    def weights(self) -> dict[str, float] | None:
        """Data set -> weight in the mix; None where their numbers of samples weigh."""
        weights = {name: member.weight for name, member in self.mix.items()}
        given = {name: weight for name, weight in weights.items() if weight is not None}
        return given or None

    @model_validator(mode="after")
    def _croppable(self) -> DataConfig:
        least, largest = self.crop_scale
        if not 0 < least <= largest <= 1:
            raise ValueError(
                f"data.crop_scale [{least}, {largest}]: give 0 < least <= largest <= 1"
            )
        return self

    @model_validator(mode="after")
    def _mixable(self) -> DataConfig:
        if not self.mix:
            return self
        for name in self.mix:
            if not _NAME.fullmatch(name) or name == MIX:
                raise ValueError(
                    f"data.mix names a data set {name!r}: give letters, digits, _ and -, "
                    f"another name than {MIX}"
                )
        if self.dataset not in self.mix:
            raise ValueError(f"data.mix is evaluated on {self.dataset}: name it in data.mix too")
        if self.weights and len(self.weights) < len(self.mix):
            raise ValueError("data.mix: give each data set a weight, or none")
        if missing := set(TASKS) - {task for held in self.mix.values() for task in held.tasks}:
            raise ValueError(f"data.mix has no data set for {sorted(missing)}")
        return self
