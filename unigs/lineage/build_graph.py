"""All builds of a store, linked by the digests that their inputs name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from unigs.errors import DataError
from unigs.lineage.champions import read_champions
from unigs.lineage.history import ENDING, RECORD, Build, read_history, references

# In the order in which data flows: how chains are listed.
STAGES = (
    "raw", "scenes", "quarantine", "statistics", "shards", "components", "latents", "manifest",
    "protocol", "evaluators", "reference", "weights", "models", "evaluation", "report", "gate",
)  # fmt: skip


class BuildGraph:
    """The builds that the histories of a store tell of.

    Args:
        store: its folder.

    Raises:
        DataError: no such folder, or no build in it.
    """

    def __init__(self, store: Path) -> None:
        if not store.is_dir():
            raise DataError("no such folder", file=store, hint="name the store with --store DIR")
        self.store = store
        self.builds = [build for file in _files(store) for build in read_history(store, file)]
        if not self.builds:
            raise DataError(
                "no build is recorded in this store",
                file=store,
                hint="unigs run records what it builds, and what it reuses of an earlier version",
            )
        self._of: dict[str, list[Build]] = defaultdict(list)
        self._users: dict[str, list[Build]] = defaultdict(list)
        for build in self.builds:
            self._of[build.digest].append(build)
            for text in set(references(build.inputs)):
                self._users[text].append(build)

    def stage(self, *stages: str) -> list[Build]:
        """Return the builds of some stages."""
        return [build for build in self.builds if build.stage in stages]

    def users(self, digest: str) -> list[Build]:
        """Return the builds that were made from what has a digest."""
        return list(self._users.get(digest, ()))

    def sources(self, build: Build) -> list[Build]:
        """Return what a build was made from: of equal content in several folders, that of its own
        data set and preset."""
        found: dict[str, Build] = {}
        for text in dict.fromkeys(references(build.inputs)):
            candidates = [other for other in self._of.get(text, ()) if other is not build]
            own = [other for other in candidates if other.run == build.run]
            for other in own or candidates[:1]:
                found[other.folder] = other
        return list(found.values())

    def up(self, builds: Iterable[Build]) -> list[Build]:
        """Return everything that builds were made from, directly or not, in the order of the
        stages."""
        return self._closure(builds, self.sources)

    def down(self, builds: Iterable[Build], without: tuple[str, ...] = ()) -> list[Build]:
        """Return everything that was made from builds, directly or not, in the order of the
        stages.

        Args:
            without: stages that are passed over, with what only they lead to.
        """

        def made_from(build: Build) -> list[Build]:
            return [user for user in self.users(build.digest) if user.stage not in without]

        return self._closure(builds, made_from)

    def champions(self) -> set[str]:
        """Return ``name/version`` of the champions: as last noted, else what the last decision of
        each gate left."""
        noted = read_champions(self.store)
        found = {f"{name}/{version}" for name, version in noted.items()}
        for gate in self.stage("gate"):
            models = [one for one in self.sources(gate) if one.version]
            if gate.current and models:
                own = models[0].metadata
                if own["name"] in noted:
                    continue
                found.add(f"{own['name']}/{gate.metadata.get('champion') or own['version']}")
        return found

    @staticmethod
    def _closure(builds: Iterable[Build], step: Callable[[Build], list[Build]]) -> list[Build]:
        start, found = list(builds), dict[Build, None]()
        queue = list(start)
        while queue:
            for other in step(queue.pop()):
                if other not in found and other not in start:
                    found[other] = None
                    queue.append(other)
        return in_order(found)


def in_order(builds: Iterable[Build]) -> list[Build]:
    """Sort builds by stage, folder and time."""

    def place(build: Build) -> tuple[int, str, str]:
        known = STAGES.index(build.stage) if build.stage in STAGES else len(STAGES)
        return known, build.folder, build.time

    return sorted(builds, key=place)


def _files(store: Path) -> Iterator[Path]:
    """Yield the histories of a store; folders that were built are not entered."""
    for run in sorted(path for path in store.iterdir() if path.is_dir()):
        # folders of other tools have no history at their top
        if any(run.glob(f".*{ENDING}")):
            yield from _below(run)


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            if path.name.endswith(ENDING):
                yield path
        elif path.is_dir() and not (path / RECORD).is_file():
            yield from _below(path)
