"""What a sensor's looks have in common: how often they are, and that the records are open."""

import os
import threading
from typing import Any

import dagster as dg

from unigs.errors import ConfigError

VARIABLE = "UNIGS_LOOK_SECONDS"
_LOCK = threading.Lock()
_opened: list[tuple[Any, dg.DagsterInstance]] = []


def look_seconds(usual: int) -> int:
    """Return the seconds between two looks of a sensor that takes ``usual`` by itself.

    Raises ConfigError for a variable that is no number above 0.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isdecimal() and int(given)):
        raise ConfigError(f"{VARIABLE}={given}: not a whole number of seconds above 0")
    return int(given) if given else usual


def instance_of(context: dg.SensorEvaluationContext) -> dg.DagsterInstance:
    """Return the instance of a look, opened once for the life of a code server.

    The context itself opens one for each look, which reads every migration of three databases and
    takes three times as long as the look. A resource of a sensor is given that one too: sensors
    that look all day have none.
    """
    reference = context.instance_ref
    if reference is None:  # the instance was given, there is nothing to open
        return context.instance
    with _LOCK:
        for known, instance in _opened:
            if known == reference:
                return instance
        instance = dg.DagsterInstance.from_ref(reference)
        _opened.append((reference, instance))
        return instance
