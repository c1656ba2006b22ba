"""Python and the installed packages against `pyproject.toml` and against the lock."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

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
#: In a clone; the wheel does not carry it.
LOCK = Path(__file__).parents[3] / "requirements.lock"
_SHOWN = 4


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


def lock_findings(lock: Path = LOCK) -> Iterator[Finding]:
    """Compare the installed packages with the versions that were tested together; nothing where
    there is no lock. A package that is not installed is no difference."""
    if not lock.is_file():
        return
    pins = [line.strip().split("==") for line in lock.read_text("utf-8").splitlines()]
    pinned = {pin[0]: pin[1] for pin in pins if len(pin) == 2}
    installed = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    others = [
        f"{name} {installed[key]} (lock: {version})"
        for name, version in pinned.items()
        if (key := canonicalize_name(name)) in installed
        # a build's own label, as in torch's 2.11.0+cpu, is the same version
        and installed[key].partition("+")[0] != version.partition("+")[0]
    ]
    if not others:
        yield Finding("lock", State.OK, "every package in the version that was tested")
        return
    shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
    hint = f"{len(others)} packages in other versions than those tested together: {shown}"
    yield Finding("lock", State.WARNING, f"{hint} (make install takes the lock's)")


def _fault(requirement: Requirement) -> str | None:
    name = canonicalize_name(requirement.name)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"
