"""`unigs demo`: serve a web page on 127.0.0.1 to try a model."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.device import Device
from unigs.errors import ConfigError

ADDRESS = "127.0.0.1"


def demo(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a UniGS model; the newest of the store.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of all results [$UNIGS_STORE, else ./store].")
    ] = None,
    device: Device = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 7860,
) -> None:
    """Serve the four tasks, with brush strokes for the coarse mask."""
    # gradio reads it while it is imported
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    _require_free(port)
    from unigs.io.device import this_device
    from unigs.pipeline.pipeline import UniGSPipeline
    from unigs.workflows.demo import build_demo, newest_model

    folder = model or newest_model(store or Path(os.environ.get("UNIGS_STORE", "store")))
    where = this_device(device)
    pipeline = UniGSPipeline.from_pretrained(folder).to(where)
    try:
        page = build_demo(pipeline)
    except ModuleNotFoundError as error:
        raise ConfigError("gradio is missing", hint="pip install 'unigs[demo]'") from error
    # another process may have taken it while the model was loaded
    _require_free(port)
    page.launch(server_name=ADDRESS, server_port=port, share=False)


def _require_free(port: int) -> None:
    """Raise ConfigError, with the next free port as a hint, if this port is in use."""
    if _is_free(port):
        return
    following = next((one for one in range(port + 1, 65536) if _is_free(one)), None)
    hint = f"give --port {following}" if following else "give another --port"
    raise ConfigError(f"port {port} of {ADDRESS} is in use", hint=hint)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as the server itself: what is only waiting to be closed does not count as in use
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True
