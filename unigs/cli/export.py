"""`unigs export`: export the UNet of a model for programs without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.output import print_result

EXAMPLES = (
    "unigs export --model trained/model --out unet.pt2",
    "unigs export --model trained/model --out unet.onnx --format onnx --batch 4",
)


def export(
    model: Annotated[Path, typer.Option(help="Folder of a UniGS pipeline.")],
    out: Annotated[Path, typer.Option(help="File to write: .pt2, or .onnx.")],
    form: Annotated[
        Literal["torch", "onnx"], typer.Option("--format", help="torch.export or ONNX.")
    ] = "torch",
    size: Annotated[
        int, typer.Option(min=0, help="Image size in pixels; 0: the training size.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Batch size.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Export the UNet for inputs of fixed shapes and compare its output with the model's."""
    from unigs.errors import ConfigError, DataError
    from unigs.models.source import require_pipeline, resolve_directory

    require_pipeline(resolve_directory(model))
    from unigs.models.autoencoder import vae_scale_factor
    from unigs.models.text import max_tokens
    from unigs.pipeline.export import export_onnx, export_unet
    from unigs.pipeline.pipeline import UniGSPipeline

    pipeline = UniGSPipeline.from_pretrained(model)
    side, odd = divmod(size or pipeline.config["size"] or 0, vae_scale_factor(pipeline.vae))
    if side < 1 or odd:
        raise ConfigError(
            f"size {size}", hint=f"give a multiple of {vae_scale_factor(pipeline.vae)} pixels"
        )
    tokens = max_tokens(pipeline.tokenizer, pipeline.text_encoder)
    write = export_onnx if form == "onnx" else export_unet
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        difference = write(pipeline.unet, out, side, side, tokens, batch)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}", file=out, hint="give another folder"
        ) from error
    print_result({"file": out, "largest_difference": difference}, json)
