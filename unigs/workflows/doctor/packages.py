"""Python and the installed packages against what `pyproject.toml` asks for."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from unigs.workflows.doctor.finding import Finding, State

#: Extras, and what needs them.
EXTRAS = {
    "pipeline": "unigs run and the Dagster graph",
    "demo": "unigs demo",
    "lora": "training.lora_rank",
    "s3": "stores in a bucket",
}


def package_findings(distribution: str = "unigs") -> Iterator[Finding]:
    """Look at Python, at the packages that are always needed, and at each extra."""
    yield Finding("Python", State.OK, f"{platform.python_version()} on {platform.platform()}")
    try:
        listed = [Requirement(text) for text in metadata.requires(distribution) or []]
    except metadata.PackageNotFoundError:
        hint = "pip install . in the repository, so that its packages are known"
        yield Finding(distribution, State.WARNING, f"not installed as a package: {hint}")
        return
    needed = [one for one in listed if one.marker is None or one.marker.evaluate({"extra": ""})]
    faults = [fault for one in needed if (fault := _fault(one))]
    yield from (Finding("package", State.FAULT, fault) for fault in faults)
    if not faults:
        yield Finding("packages", State.OK, f"all {len(needed)} are here, new enough")
    for extra, use in EXTRAS.items():
        more = [
            one
            for one in listed
            if one.marker is not None
            and one.marker.evaluate({"extra": extra})
            and not one.marker.evaluate({"extra": ""})
        ]
        missing = [fault for one in more if (fault := _fault(one))]
        if missing:
            hint = f"{'; '.join(missing)}: needed for {use} (pip install 'unigs[{extra}]')"
            yield Finding(f"extra {extra}", State.WARNING, hint)
        else:
            yield Finding(f"extra {extra}", State.OK, use)


def _fault(requirement: Requirement) -> str | None:
    name = canonicalize_name(requirement.name)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"
