"""Weights that presets name, in the Hub's cache of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from unigs.workflows.doctor.finding import Finding, State
from unigs.workflows.fetch.catalog import SOURCES

# Each saved pipeline or network has one of them at its top.
_TOPS = ("model_index.json", "config.json")


def weight_findings() -> Iterator[Finding]:
    """Look which models of `unigs fetch` are in the Hub's cache; nothing is asked of the Hub."""
    from huggingface_hub import try_to_load_from_cache

    here: list[str] = []
    missing: list[str] = []
    for name, source in SOURCES.items():
        if source.hub is None:
            continue
        repository, _, revision = source.hub.partition("@")
        found = any(
            isinstance(try_to_load_from_cache(repository, top, revision=revision or None), str)
            for top in _TOPS
        )
        (here if found else missing).append(name)
    hint = f"in the Hub's cache: {', '.join(here) or 'none'}"
    if missing:
        hint += f"; unigs fetch NAME brings {', '.join(missing)}; tiny and small need none"
    yield Finding("weights", State.OK, hint)
