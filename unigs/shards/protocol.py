"""The test protocol: fixed scenes with fixed coarse masks, for one entity and for several.

Paper, section 4.1 and Tables 3 to 6: 1000 images of COCO's validation split, each with its coarse
mask, evaluated with a single object and with multiple objects. Written once, as shards; its digest
says what a metric was measured on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from unigs.errors import ConfigError
from unigs.index.scene_source import SceneHead, SceneSource
from unigs.samples.options import SampleOptions
from unigs.scene import Scene
from unigs.shards.build import build_shards
from unigs.shards.manifest import digest_of, write_json
from unigs.tasks import TASKS, task_named

__all__ = ["Protocol", "build_protocol"]

PROTOCOL = "protocol.json"
MULTIPLE = 3
SINGLE_OBJECT, MULTIPLE_OBJECTS = "single", "multiple"


@dataclass(frozen=True, slots=True)
class Protocol:
    """What was written.

    Attributes:
        digest: SHA-256 over the digests of all shards: a metric's test set.
        scenes: keys of the chosen scenes, sorted.
        shards: folder below the protocol's own, ``{task}/{single|multiple}`` -> shard digest;
            the entity task, which takes all entities, has ``entity`` alone.
    """

    digest: str
    scenes: tuple[str, ...]
    shards: dict[str, str]


def build_protocol(
    scenes: SceneSource,
    options: SampleOptions,
    out_dir: Path | str,
    count: int = 1000,
    seed: int = 0,
    tasks: Sequence[str] = tuple(TASKS),
    workers: int = 1,
) -> Protocol:
    """Write the shards of the protocol and protocol.json; reuse what is unchanged.

    Scenes are chosen by the hash of their key and the seed, so a scene that is added or removed
    changes at most one of them. Prompts have no negatives, crops are centred and nothing is
    mirrored; a single object is one entity, multiple objects are up to three. Fewer scenes than
    ``count`` are all taken.

    Raises ConfigError for a count below 1, otherwise as `build_shards`.
    """
    if count < 1:
        raise ConfigError(f"{count} scenes: a protocol needs at least one")
    folder = Path(out_dir)
    chosen = _Chosen(scenes, count, seed)
    fixed = replace(
        options,
        negative_probability=0.0,
        all_negative=0.0,
        random_crop=False,
        crop_scale=(1.0, 1.0),
        flip_probability=0.0,
        color_jitter=0.0,
    )
    written = {}
    for task in (task_named(task) for task in tasks):
        sampled = {SINGLE_OBJECT: 1, MULTIPLE_OBJECTS: MULTIPLE}
        kinds = sampled if task.entities != "all" else {"": 1}
        for kind, most in kinds.items():
            name = f"{task.name}/{kind}" if kind else task.name
            limited = replace(fixed, min_entities=1, max_entities=most)
            written[name] = build_shards(
                chosen, task, limited, folder / name, seed=seed, workers=workers
            ).digest
    keys = tuple(sorted(head.key for head in chosen.heads()))
    protocol = Protocol(digest_of(written), keys, written)
    write_json(folder / PROTOCOL, asdict(protocol), indent=1)
    return protocol


def build_training_part(
    scenes: SceneSource,
    options: SampleOptions,
    out_dir: Path | str,
    count: int,
    seed: int = 0,
    workers: int = 1,
) -> str:
    """Write shards of some training scenes, a folder a task, chosen as the protocol's; return their
    digest.

    Args:
        options: of held-out samples, with which they are compared.
    """
    folder, chosen = Path(out_dir), _Chosen(scenes, count, seed)
    return digest_of(
        {
            task: build_shards(
                chosen, task, options, folder / task, seed=seed, workers=workers
            ).digest
            for task in TASKS
        }
    )


class _Chosen:
    """Some scenes of a source, drawn by hash."""

    def __init__(self, source: SceneSource, count: int, seed: int) -> None:
        def place(head: SceneHead) -> bytes:
            return hashlib.sha256(f"{seed}/{head.key}".encode()).digest()

        self._source = source
        self._heads = sorted(source.heads(), key=place)[:count]

    def heads(self) -> list[SceneHead]:
        return self._heads

    def split(self, groups: Sequence[Sequence[str]]) -> list[Iterable[Scene]]:
        return self._source.split(groups)
