"""The kinds of models that can be evaluated beside ours: their tasks, files and loaders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from unigs.competitors.request import Request
from unigs.errors import ConfigError, choices
from unigs.tasks import task_named

if TYPE_CHECKING:
    import torch

    from unigs.evaluation.predictions import OtherModel

__all__ = ["PIPELINES", "load_competitor"]

#: The pipeline of ours, which `unigs.evaluation.run` loads itself.
OURS = "unigs"
#: Files that a request can name, with the options of `unigs evaluate`.
FILES = ("checkpoint", "adapter", "predictions", "images")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A kind of model.

    Attributes:
        tasks: what it can do.
        needs, may_have: which of `FILES` it is made of.
        load: makes it ready on a device. It imports what it needs itself.
    """

    tasks: tuple[str, ...]
    needs: tuple[str, ...]
    load: Callable[[Request, torch.device], OtherModel]
    may_have: tuple[str, ...] = ()


def check_request(request: Request) -> None:
    """Refuse what cannot be evaluated, before anything is loaded.

    Raises:
        ConfigError: unknown pipeline, a task that it cannot do, a file that it needs or has no use
            for.
    """
    pipeline = _named(request.pipeline)
    task = task_named(request.task).name
    if task not in pipeline.tasks:
        raise ConfigError(
            f"--pipeline {request.pipeline} cannot do {task}",
            hint=f"it can do {' and '.join(pipeline.tasks)}",
        )
    for file in FILES:
        given = getattr(request, file) is not None
        if file in pipeline.needs and not given:
            raise ConfigError(f"--pipeline {request.pipeline} needs --{file}")
        if given and file not in (*pipeline.needs, *pipeline.may_have):
            raise ConfigError(
                f"--pipeline {request.pipeline} takes no --{file}", hint="leave it out"
            )


def load_competitor(request: Request, device: torch.device) -> OtherModel:
    """Load the model of a request.

    Raises:
        ConfigError: as `check_request`.
        ModelError: a checkpoint that cannot be used.
        DataError: a file of predictions that cannot be used.
    """
    check_request(request)
    return _named(request.pipeline).load(request, device)


def _named(name: str) -> Pipeline:
    if name not in PIPELINES:
        raise ConfigError(f"--pipeline {name}: unknown", hint=choices(name, (OURS, *PIPELINES)))
    return PIPELINES[name]


def _sd_inpainting(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.stable_diffusion import load_inpainting

    return load_inpainting(request, device)


def _sd(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.stable_diffusion import load_text_to_image

    return load_text_to_image(request, device)


def _controlnet_seg(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.layout_guided import load_controlnet

    return load_controlnet(request, device)


def _t2i_adapter(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.layout_guided import load_t2i_adapter

    return load_t2i_adapter(request, device)


def _mask2former(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.mask2former import load_mask2former

    return load_mask2former(request, device)


def _sam(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.sam import load_sam

    return load_sam(request, device)


def _coco_results(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.result_files.coco_results import load_coco_results

    return load_coco_results(request)


def _panoptic(request: Request, device: torch.device) -> OtherModel:
    from unigs.competitors.result_files.panoptic_results import load_panoptic_results

    return load_panoptic_results(request)


_SEGMENTS = ("referring", "entity")
PIPELINES = MappingProxyType(
    {
        "sd-inpainting": Pipeline(("inpainting",), ("checkpoint",), _sd_inpainting),
        "sd": Pipeline(("synthesis",), ("checkpoint",), _sd),
        "controlnet-seg": Pipeline(
            ("synthesis",), ("checkpoint",), _controlnet_seg, may_have=("adapter",)
        ),
        "t2i-adapter": Pipeline(
            ("synthesis",), ("checkpoint",), _t2i_adapter, may_have=("adapter",)
        ),
        "mask2former": Pipeline(_SEGMENTS, ("checkpoint",), _mask2former),
        # Its masks have no names, and what a name means is all of referring.
        "sam": Pipeline(("entity",), ("checkpoint",), _sam),
        "coco-results": Pipeline(_SEGMENTS, ("predictions",), _coco_results, may_have=("images",)),
        "panoptic": Pipeline(_SEGMENTS, ("predictions",), _panoptic),
    }
)
