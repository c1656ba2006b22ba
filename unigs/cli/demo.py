"""`unigs demo`: a page on 127.0.0.1 to try a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def demo(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a UniGS model; the newest of the store.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of all results [$UNIGS_STORE, else ./store].")
    ] = None,
    port: Annotated[int, typer.Option(help="Of the page.")] = 7860,
) -> None:
    """Serve the four tasks, with brush strokes for the coarse mask."""
    # gradio reads it while it is imported
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import torch

    from unigs.errors import ConfigError
    from unigs.pipeline.pipeline import UniGSPipeline
    from unigs.workflows.demo import build_demo, newest_model

    folder = model or newest_model(store or Path(os.environ.get("UNIGS_STORE", "store")))
    pipeline = UniGSPipeline.from_pretrained(folder)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    try:
        page = build_demo(pipeline)
    except ModuleNotFoundError as error:
        raise ConfigError("gradio is missing", hint="pip install 'unigs[demo]'") from error
    page.launch(server_name="127.0.0.1", server_port=port, share=False)
