"""Services that the environment names: whether each answers."""

from __future__ import annotations

import os
from collections.abc import Iterator

from unigs.workflows.doctor.finding import Finding, State

#: Variables that hold an address, what is there, and a path that it answers.
SERVICES = {
    "UNIGS_TRACKING_URI": ("MLflow", "/health"),
    "UNIGS_RAY_ADDRESS": ("Ray", "/api/version"),
    "AWS_ENDPOINT_URL": ("S3", "/"),
}
_SECONDS = 3


def service_findings() -> Iterator[Finding]:
    """Ask each service that a variable names. Whether it lets us in does not matter here, only that
    it answers."""
    named = {name: about for name, about in SERVICES.items() if os.environ.get(name)}
    if not named:
        hint = f"none is named by {', '.join(SERVICES)}: records stay in the store"
        yield Finding("services", State.OK, hint)
    for name, (service, path) in named.items():
        yield _asked(name, service, os.environ[name].rstrip("/"), path)


def _asked(variable: str, service: str, address: str, path: str) -> Finding:
    import requests

    if not address.startswith(("http://", "https://")):
        hint = f"{variable} is no address that begins with http: it is not asked"
        return Finding(f"service {service}", State.OK, hint)
    try:
        code = requests.get(f"{address}{path}", timeout=_SECONDS).status_code
    except requests.RequestException as error:
        hint = f"no answer ({type(error).__name__}): start it, or set {variable} anew"
        return Finding(f"service {service}", State.FAULT, hint)
    if code >= 500:
        hint = f"answers {code}: see its log"
        return Finding(f"service {service}", State.FAULT, hint)
    return Finding(f"service {service}", State.OK, f"answers where {variable} says")
