"""`unigs lineage`: what a metric, a model, a shard or an image was made from, and what of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unigs.cli.output import print_result
from unigs.cli.run_options import RunStore, store_folder

# Of a chain, what a line tells beside folder, time and digest.
_COUNTS = ("images", "samples", "steps")
_SHOWN = 8

EXAMPLES = (
    "unigs lineage joint.entity.miou",
    "unigs lineage 000000000139.jpg --json",
)


def lineage(
    thing: Annotated[
        str,
        typer.Argument(
            metavar="METRIC|MODEL|SHARD|IMAGE",
            help="joint.entity.miou; joint, name/version or a folder; a shard's path, name or "
            "SHA-256; a file, file name, scene key or SHA-256 of an image.",
        ),
    ],
    store: RunStore = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Print where a metric, model, shard or image comes from, back to the annotations, and what was
    made from it."""
    from unigs.lineage.answer import Answer
    from unigs.lineage.build_graph import BuildGraph
    from unigs.lineage.trace import Trace

    answer = Answer(Trace(BuildGraph(store_folder(store)))).about(thing)
    if json:
        print_result(answer, as_json=True)
        return
    for line in _lines(answer):
        typer.echo(line)


def _lines(answer: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    value = f" = {answer['value']:.5g}" if answer.get("value") is not None else ""
    lines = [f"{answer['kind']} {answer['name']}{value}"]
    if "sha256" in answer:
        lines.append(f"  sha256 {answer['sha256']}")
    lines += [f"  {entry}" for entry in map(_forgotten, answer.get("forgotten", ()))]
    scenes = answer.get("scenes", ())
    lines += [f"  {_scene(scene)}" for scene in scenes[:_SHOWN]]
    if len(scenes) > _SHOWN:
        lines.append(f"  and {len(scenes) - _SHOWN} more scenes (--json lists them)")
    if "models" in answer:
        lines.append("models that saw it:" if answer["models"] else "models that saw it: none")
        lines += [f"  {line_of_model(model)}" for model in answer["models"]]
        lines.append("in shards:" if answer["shards"] else "in shards: none")
        lines += [f"  {line_of_shards(held)}" for held in answer["shards"]]
    if answer.get("unknown"):
        lines.append("not recorded, so that it may be in them too:")
        lines += [f"  {_build(build)}" for build in answer["unknown"]]
    for way, said in (("up", "made from:"), ("down", "made of it:")):
        if answer[way]:
            lines.append(said)
            lines += [f"  {_build(build)}" for build in answer[way]]
    return lines


def line_of_model(model: dict[str, Any]) -> str:
    """Return a line about a model that saw an image."""
    champion = ", champion" if model["champion"] else ""
    return f"{model['model']} ({model['saw']}{champion}), {_time(model)}{_run(model)}"


def line_of_shards(held: dict[str, Any]) -> str:
    """Return a line about shards of a folder that hold an image."""
    shards = ", ".join(
        f"{name} {held['sha256'][name][:12]} ({count} sample{'s' if count > 1 else ''})"
        for name, count in held["shards"].items()
    )
    return f"{held['folder']}: {shards}{_replaced(held)}"


def _forgotten(entry: Any) -> str:
    return entry if isinstance(entry, str) else f"saw {entry['image']}, {entry['forgotten']}"


def _scene(scene: dict[str, Any]) -> str:
    return (
        f"{scene.get('name') or scene['key']}: {scene['image']}, image "
        f"{scene['image_digest'][:12]}, annotations {scene['annotation_digest'][:12]}"
        f"{_replaced(scene) if 'current' in scene else ''}"
    )


def _build(build: dict[str, Any]) -> str:
    about = [f"{build[name]:,} {name}" for name in _COUNTS if isinstance(build.get(name), int)]
    if "model" in build:
        about.insert(0, build["model"] + (" (champion)" if build["champion"] else ""))
    about += [f"{file} {sha256[:12]}" for file, sha256 in build.get("annotations", {}).items()]
    about += [str(build[name]) for name in ("root", "reason") if build.get(name)]
    said = f", {', '.join(about)}" if about else ""
    # evaluators are told by their name
    digest = build["digest"][:12] if len(build["digest"]) == 64 else build["digest"]
    return f"{build['folder']} {digest}{said}, {_time(build)}{_run(build)}{_replaced(build)}"


def _time(build: dict[str, Any]) -> str:
    return f"{build['time'][:16].replace('T', ' ')} UTC"


def _run(build: dict[str, Any]) -> str:
    return f", MLflow run {build['mlflow_run_id']}" if build.get("mlflow_run_id") else ""


def _replaced(build: dict[str, Any]) -> str:
    return "" if build["current"] else ", replaced since"
