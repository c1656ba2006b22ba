"""Registered models that saw images which must be forgotten."""

from pathlib import Path

from unigs.lineage.forgotten import read_forgotten


def tainted_by_forgotten(store: Path) -> list[str]:
    """Return the registered models, ``name/version``, that saw images which must be forgotten."""
    forgotten = read_forgotten(store)
    if not forgotten:
        return []
    from unigs.lineage.build_graph import BuildGraph
    from unigs.lineage.taint import tainted_models
    from unigs.lineage.trace import Trace

    return sorted(tainted_models(Trace(BuildGraph(store)), forgotten))
