"""`unigs forget`: take images out of all that will be built, and list what they are in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unigs.cli.operate.lineage import line_of_model, line_of_shards
from unigs.cli.output import print_result
from unigs.cli.run_options import RunStore, store_folder

EXAMPLES = (
    "unigs forget 000000000139.jpg --reason 'its licence ended'",
    "unigs forget 000000000139.jpg --undo",
)


def forget(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, file names, scene keys or SHA-256 of images."),
    ],
    store: RunStore = None,
    reason: Annotated[str, typer.Option(help="Why; the quarantine report quotes it.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Use the images again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Mark images to be forgotten, and list the shards and models that hold them; the next run
    rebuilds those without them."""
    from unigs.errors import ConfigError, one_line
    from unigs.lineage import taint
    from unigs.lineage.answer import Answer
    from unigs.lineage.build_graph import BuildGraph
    from unigs.lineage.trace import Trace

    if undo and reason:
        raise ConfigError("--reason goes with forgetting", hint="leave it out with --undo")
    trace = Trace(BuildGraph(store_folder(store)))
    if undo:
        marked = taint.remember(trace, images)
    else:
        marked = taint.forget(trace, images, one_line(reason))
    answer = Answer(trace)
    told = [
        {
            "image": one.scenes[-1].name,
            "image_digest": one.image.image_digest,
            "date": one.image.date,
            "reason": one.image.reason,
            "changed": one.changed,
            "shards": answer.held(one.reached),
            "models": answer.models(one.reached),
        }
        for one in marked
    ]
    if json:
        print_result({"forgotten": not undo, "images": told}, as_json=True)
        return
    for image in told:
        for line in _lines(image, undo):
            typer.echo(line)
    if any(image["changed"] for image in told):
        kept = "with" if undo else "without"
        typer.echo(f"the next unigs run builds {kept} them what is in the store now")


def _lines(image: dict[str, Any], undo: bool) -> list[str]:
    """Return the lines for people."""
    why = f": {image['reason']}" if image["reason"] else ""
    state = f"{'forgotten' if image['changed'] else 'already forgotten'} on {image['date']}{why}"
    if undo:
        state = "no longer forgotten"
    lines = [f"{image['image']} {image['image_digest'][:12]}: {state}"]
    lines += [f"  shard {line_of_shards(held)}" for held in image["shards"]]
    lines += [f"  model {line_of_model(model)}" for model in image["models"]]
    return lines
