"""`unigs demo`: serve a web page to try a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.device import Device
from unigs.cli.output import print_result
from unigs.cli.run_options import store_folder
from unigs.errors import ConfigError
from unigs.workflows.ports import LOCAL, require_free

EXAMPLES = (
    "unigs demo",
    "unigs demo --model trained/model --port 7861",
)
# Not an option: other users of a machine see the options of a process.
LOGIN = "UNIGS_DEMO_LOGIN"
_LOCAL = (LOCAL, "localhost")


def demo(
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder of a UniGS model, its Hub id, or models:/NAME@champion; default: the "
            "champion of the store."
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of all results [$UNIGS_STORE, else ./store].")
    ] = None,
    device: Device = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 7860,
    address: Annotated[
        str,
        typer.Option(help=f"Address to serve on; another than this machine's needs ${LOGIN}."),
    ] = LOCAL,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout: model and address.")
    ] = False,
) -> None:
    """Serve a web page with a tab per task, and a brush for the coarse mask.

    On an address that others reach, people log in: UNIGS_DEMO_LOGIN=NAME:PASSWORD.
    """
    from unigs.models.source import require_pipeline, resolve_directory
    from unigs.workflows.store_model import store_model

    # gradio reads it while it is imported
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    login = _login(address)
    require_free(port, address)
    if store is not None:
        os.environ["UNIGS_STORE"] = str(store_folder(store))
    source, name = (model, model) if model else store_model(store_folder(store))
    folder = resolve_directory(source)
    require_pipeline(folder)
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError("gradio is missing", hint="pip install 'unigs[demo]'") from error

    from tempfile import TemporaryDirectory

    from unigs.demo.page import build_page, serve, warm_up
    from unigs.evaluation.run import on_device
    from unigs.io.device import this_device
    from unigs.pipeline.pipeline import UniGSPipeline

    pipeline = on_device(UniGSPipeline.from_pretrained(folder), this_device(device))
    pipeline.set_progress_bar_config(disable=True)
    with TemporaryDirectory(prefix="unigs-demo-") as answers:
        warm_up(pipeline, Path(answers))
        page = build_page(pipeline, name, folder, Path(answers))
        # another process may have taken it while the model was loaded
        require_free(port, address)
        place = f"http://{address}:{port}"
        typer.echo(f"{name}: {place}", err=True)
        if as_json:
            print_result({"model": name, "address": place}, as_json=True)
        serve(page, address, port, login)


def _login(address: str) -> tuple[str, str] | None:
    """Return the name and the password that are asked for; None on this machine without any.

    Raises:
        ConfigError: others reach the address and no login is set, or it has no password.
    """
    name, colon, password = os.environ.get(LOGIN, "").partition(":")
    if name and colon and password:
        return name, password
    if name or colon:
        raise ConfigError(f"{LOGIN} is no login", hint="give NAME:PASSWORD")
    if address not in _LOCAL:
        raise ConfigError(
            f"others reach {address}, and no login is set", hint=f"set {LOGIN}=NAME:PASSWORD"
        )
    return None
