"""How often the sensors look: as they are made, or as `UNIGS_LOOK_SECONDS` says for all of them."""

import os

from unigs.errors import ConfigError

VARIABLE = "UNIGS_LOOK_SECONDS"


def look_seconds(usual: int) -> int:
    """Return the seconds between two looks of a sensor that takes ``usual`` by itself.

    Raises ConfigError for a variable that is no number above 0.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isdecimal() and int(given)):
        raise ConfigError(f"{VARIABLE}={given}: not a whole number of seconds above 0")
    return int(given) if given else usual
