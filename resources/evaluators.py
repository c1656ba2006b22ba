"""Evaluators of generated images: trained in the graph, or the paper's from local paths."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unigs.errors import ConfigError

if TYPE_CHECKING:
    from unigs.config.preset import EvaluationConfig
    from unigs.scene import Scene

DUAL_ENCODER = "dual_encoder"
SEGMENTER = "segmenter"

_FEWEST_STEPS = 20


def external_source(kind: str, settings: "EvaluationConfig") -> str | None:
    """Return the source of the paper's evaluator; None when the graph trains one."""
    if settings.evaluators == "shapes":
        return None
    source = settings.clip if kind == DUAL_ENCODER else settings.segmenter
    if source is None:
        field = "clip" if kind == DUAL_ENCODER else "segmenter"
        raise ConfigError(
            f"evaluation.evaluators is paper and evaluation.{field} is not set",
            hint=f"give its folder as evaluation.{field}",
        )
    return source


def train_evaluator(kind: str, scenes: "Iterable[Scene]", count: int, passes: int) -> Any:
    """Train an evaluator in some passes over ``count`` scenes, and never longer than by its own
    default; it has no name before it is saved."""
    if kind == DUAL_ENCODER:
        from unigs.evaluators.dual_encoder_training import DualEncoderOptions, train_dual_encoder

        options = DualEncoderOptions()
        steps = _steps(count * passes, options.batch, options.steps)
        return train_dual_encoder(scenes, replace(options, steps=steps))
    from unigs.evaluators.segmenter_training import SegmenterOptions, train_segmenter

    settings = SegmenterOptions()
    steps = _steps(count * passes, settings.batch, settings.steps)
    return train_segmenter(scenes, replace(settings, steps=steps))


def _steps(shown: int, batch: int, most: int) -> int:
    return min(most, max(_FEWEST_STEPS, shown // batch))
