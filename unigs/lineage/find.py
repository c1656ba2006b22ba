"""What a name on the command line means: a metric, a model, a shard, an image or another build."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.lineage.history import Build
from unigs.lineage.trace import FoundScene, Trace, require_scenes
from unigs.shards.manifest import MANIFEST, read_manifest

_SHA256 = re.compile(r"[0-9a-f]{64}")
_METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class FoundMetric:
    """A metric of a model: its value, null where it has no meaning, and the evaluation it is of."""

    name: str
    value: float | None
    build: Build


@dataclass(frozen=True, slots=True)
class FoundShard:
    """A shard: the build it belongs to, the folder below the store, its name and SHA-256; the
    digest of the pixel shards that name its scenes."""

    build: Build
    folder: str
    name: str
    sha256: str
    pixels: str


Found = FoundMetric | FoundShard | Build | list[FoundScene]


def find(trace: Trace, text: str) -> Found:
    """Return what a text names: a build, also a model, a metric, a shard, or the scenes of an
    image.

    Raises:
        DataError: nothing of the store, or several things.
    """
    path = Path(text)
    build = _model(trace, text) or _build(trace, text)
    if build is not None:
        return build
    if path.is_dir():
        return _folder(trace, path)
    if text.endswith(".tar"):
        return _shard(trace, text)
    if not path.is_file():
        metric = _metric(trace, text)
        if metric is not None:
            return metric
        if _SHA256.fullmatch(text) and (shards := _shards(trace, text)):
            return shards[0]
    return image_scenes(trace, text, "metric, model, shard or image")


def image_scenes(trace: Trace, text: str, asked: str = "image") -> list[FoundScene]:
    """Return the scenes of an image in every build of the scenes indexes.

    Args:
        text: a file, its path in the data set, its name, the key of a scene, that after its split
            (``shapes-tiny/train/KEY``), or the SHA-256 of its bytes.
        asked: for what the text may stand, as an error says it.

    Raises:
        DataError: no such image, or the name of several.
    """
    store, path = trace.graph.store, Path(text)
    if path.is_file():
        found = trace.scenes(sha256_of(path))
        if found:
            return found
        named = [
            one for one in trace.scenes(path.name) if _ends_with(path.resolve(), one.row.image)
        ]
        hint = "other images of its name are unknown too"
        if named:
            hint = f"it was changed since it was read as {named[0].name}: give that name"
        raise DataError("no image of this store has its bytes", file=path, hint=hint)
    found = trace.scenes(path.name)
    if "/" in text:
        found = [
            scene
            for scene in found
            if scene.name == text or f"/{scene.row.image}".endswith(f"/{text.lstrip('/')}")
        ]
    return require_scenes(found, text, store, asked)


def _ends_with(path: Path, image: str) -> bool:
    return path.as_posix().endswith(f"/{image}")


def _folder(trace: Trace, path: Path) -> Build:
    whole, store = path.resolve(), trace.graph.store.resolve()
    for build in trace.graph.builds:
        if build.current and whole.is_relative_to(store / build.folder):
            return build
    raise DataError(
        "no folder that this store built",
        file=path,
        hint="of a registered model give name/version, as unigs lineage joint prints it",
    )


def _model(trace: Trace, text: str) -> Build | None:
    models = [build for build in trace.graph.stage("models") if build.version]
    for build in models:
        if build.version == text:
            return build
    # of one name the newest version stands last
    newest: dict[str, Build] = {}
    for build in models:
        names = (build.name, build.metadata["name"], f"{build.run}/{build.name}")
        if text in names:
            newest[build.folder] = build
    name, _, version = text.rpartition("/")
    versions = [build.metadata["version"] for build in models if build.metadata["name"] == name]
    if versions and version.isdigit():
        listed = ", ".join(dict.fromkeys(map(str, versions)))
        raise DataError(
            f"{name} has no version {version}", file=trace.graph.store, hint=f"it has {listed}"
        )
    return _only(trace, list(newest.values()), text, lambda build: f"{build.run}/{build.name}")


def _build(trace: Trace, text: str) -> Build | None:
    named = [build for build in trace.graph.builds if text in (build.folder, build.digest)]
    now = [build for build in named if build.current] or named
    return now[-1] if now else None


def _metric(trace: Trace, text: str) -> FoundMetric | None:
    run, _, name = text.rpartition("/")
    model, _, rest = name.partition(".")
    task, _, metric = rest.partition(".")
    evaluations = [
        build
        for build in trace.graph.stage("evaluation")
        if build.current and build.name == f"{model}/{task}" and run in ("", build.run)
    ]
    if not metric or not evaluations:
        return None
    build = _only(trace, evaluations, text, lambda build: f"{build.run}/{text}")
    assert build is not None
    own = _metrics(trace, build)
    if metric in own:
        return FoundMetric(name, own[metric], build)
    # baselines, upper bounds and the untrained model are measured once for all models
    for reference in trace.graph.stage("reference"):
        beside = _metrics(trace, reference) if reference.run == build.run else {}
        if reference.current and reference.name == task:
            own |= beside | {f"untrained.{key}": value for key, value in beside.items()}
            if metric in own:
                return FoundMetric(name, own[metric], reference)
    close = get_close_matches(metric, own, n=3) or list(own)[:3]
    raise DataError(
        f"{model} has no metric {metric} on {task}",
        file=trace.graph.store / build.folder / _METRICS,
        hint=f"there are {', '.join(close)}",
    )


def _metrics(trace: Trace, build: Build) -> dict[str, Any]:
    file = trace.graph.store / build.folder / _METRICS
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", file=file, hint="run it again") from error
    return content


def _shard(trace: Trace, text: str) -> FoundShard:
    path = Path(text)
    found = _shards(trace, path.name)
    if path.is_file():
        whole, store = path.resolve(), trace.graph.store.resolve()
        found = [
            one for one in found if store / one.folder / one.name == whole and one.build.current
        ]
        found = found or _shards(trace, sha256_of(path))
    elif "/" in text:
        found = [one for one in found if f"/{one.folder}/{one.name}".endswith(f"/{text}")]
    now = [one for one in found if one.build.current] or found
    if not now:
        raise DataError(
            f"no shard of this store is {text}",
            file=trace.graph.store,
            hint="give the path of a shard, its name or its SHA-256",
        )
    if len({one.folder for one in now}) > 1:
        places = [f"{one.folder}/{one.name}" for one in now]
        raise _several(trace, text, places)
    return now[-1]


def _shards(trace: Trace, text: str) -> list[FoundShard]:
    """Return the shards of a name or SHA-256, the oldest build first."""
    found = []
    for build in trace.graph.stage("shards", "protocol"):
        for folder, digest in trace.parts(build).items():
            files = trace.tables.shard_files(digest) if trace.tables.has_shards(digest) else []
            found += [
                FoundShard(build, folder, file.path, file.sha256, digest)
                for file in files
                if text in (file.path, file.sha256)
            ]
    for build in trace.graph.stage("latents"):
        place = trace.graph.store / build.folder
        if build.current and (place / MANIFEST).is_file():
            found += [
                FoundShard(build, build.folder, shard.path, shard.sha256, build.inputs["shards"])
                for shard in read_manifest(place).shards
                if text in (shard.path, shard.sha256)
            ]
    return found


def _only(trace: Trace, builds: list[Build], text: str, name: Any) -> Build | None:
    if len(builds) > 1:
        raise _several(trace, text, [name(build) for build in builds])
    return builds[0] if builds else None


def _several(trace: Trace, text: str, names: list[str]) -> DataError:
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return DataError(
        f"{text} is of {len(names)} folders: {shown}",
        file=trace.graph.store,
        hint="give one of these",
    )
