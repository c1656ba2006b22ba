"""How samples are drawn: the options that every sample of a build shares."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unigs.colormap.palette import Palette
from unigs.errors import ConfigError
from unigs.samples.coarse_mask import CoarseKind

__all__ = ["SampleOptions"]

# Colormaps are stored as 8-bit indexed PNG; index 0 is the background.
MAX_LABELS = 255
_SHARES = (
    "negative_probability", "all_negative", "min_area", "inside", "flip_probability",
    "color_jitter", "curve_probability",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How samples are drawn.

    Attributes:
        palette: colours of the colormap.
        class_names: all class names of the data set, from which negative names are drawn.
        size: side of the sample in pixels.
        min_entities, max_entities: how many entities are sampled, uniformly; `entity` takes all.
        negative_probability: lambda of section 3.4, per class of a referring sample.
        all_negative: share of referring samples in which every class is negative at once.
        min_area: share of the sample below which an entity is not sampled; `entity` takes it, and
            so does `referring` where its class is named.
        inside: share of an entity's area from which it counts as inside the coarse mask.
        random_crop: crop at random along the longer side instead of the centre.
        crop_scale: least and largest side of the crop, in shares of the shorter side, between which
            it is drawn; a crop below 1 lies anywhere.
        flip_probability: of a mirror image.
        color_jitter: most by which brightness, contrast and saturation are changed, in shares.
        exhaustive: every entity of the classes is labelled. If not, unlabelled places within the
            coarse mask have no truth in `referring`: they may hold more of what is named.
        coarse_kind, curve_probability, extension, cover, curve_share: see `coarse_mask`.
    """

    palette: Palette
    class_names: tuple[str, ...] = ()
    size: int = 512
    min_entities: int = 1
    max_entities: int = 4
    negative_probability: float = 0.2
    all_negative: float = 0.0
    min_area: float = 1 / 1024
    inside: float = 0.1
    random_crop: bool = False
    crop_scale: tuple[float, float] = (1.0, 1.0)
    flip_probability: float = 0.0
    color_jitter: float = 0.0
    exhaustive: bool = True
    coarse_kind: CoarseKind = "sample"
    curve_probability: float = 0.5
    extension: float = 0.4
    cover: bool = False
    curve_share: tuple[float, float] = (0.02, 0.8)

    def __post_init__(self) -> None:
        if not 1 <= self.min_entities <= self.max_entities <= MAX_LABELS:
            raise ConfigError(
                f"min_entities {self.min_entities} and max_entities {self.max_entities}: "
                f"need 1 <= min <= max <= {MAX_LABELS}"
            )
        if self.size < 1:
            raise ConfigError(f"sample size {self.size}: give a positive number of pixels")
        for name in _SHARES:
            share = getattr(self, name)
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ConfigError(f"{name} {share!r}", hint="give a share from 0 to 1")
        if not self.extension >= 0:
            raise ConfigError(f"extension {self.extension}", hint="give 0 or more")
        for name in ("crop_scale", "curve_share"):
            match getattr(self, name):
                case (int() | float() as least, int() | float() as most) if 0 <= least <= most <= 1:
                    pass
                case other:
                    hint = "give two numbers, 0 <= least <= largest <= 1"
                    raise ConfigError(f"{name} {other!r}", hint=hint)
        if not self.crop_scale[0] > 0:
            raise ConfigError(f"crop_scale {self.crop_scale}", hint="give a least side above 0")
        if isinstance(self.class_names, str):
            raise ConfigError(f"class_names {self.class_names!r}", hint="give a tuple of names")

    def to_dict(self) -> dict[str, Any]:
        """Return all options as JSON values, the palette by name: equal exactly when samples
        are."""
        plain = asdict(self)
        plain["palette"] = self.palette.name
        plain["class_names"] = list(self.class_names)
        plain["curve_share"] = list(self.curve_share)
        plain["crop_scale"] = list(self.crop_scale)
        return plain
