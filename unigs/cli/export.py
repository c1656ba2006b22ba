"""`unigs export`: the UNet of a model for programs that do not have this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.output import print_result


def export(
    model: Annotated[Path, typer.Option(help="Folder of a UniGS pipeline.")],
    out: Annotated[Path, typer.Option(help="File to write: .pt2, or .onnx.")],
    form: Annotated[
        Literal["torch", "onnx"], typer.Option("--format", help="torch.export or ONNX.")
    ] = "torch",
    size: Annotated[
        int, typer.Option(min=0, help="Side of the pictures; 0: what the model was trained at.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Samples at a time.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write the UNet for inputs of fixed shapes and compare its output with the model's."""
    from unigs.errors import ConfigError
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
    out.parent.mkdir(parents=True, exist_ok=True)
    write = export_onnx if form == "onnx" else export_unet
    difference = write(pipeline.unet, out, side, side, tokens, batch)
    print_result({"file": out, "largest_difference": difference}, json)
