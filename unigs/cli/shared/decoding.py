"""Options that say how predicted colormaps are read."""

from __future__ import annotations

from typing import Any

from unigs.errors import ConfigError, choices


def decoder_options(decoder: str | None, **options: Any) -> dict[str, Any]:
    """Return the options of a decoder that are given, after a look that it takes them.

    Args:
        decoder: a name; None for the model's own, which takes none.
        options: its keyword arguments; None where one is not given.

    Raises:
        ConfigError: an unknown decoder, or options that it does not take.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if decoder is None:
        if given:
            named = ", ".join(f"--{name}" for name in given)
            raise ConfigError(f"{named} without --decoder", hint="name the decoder as well")
        return given
    import numpy as np

    from unigs.colormap import DECODERS, Palette, decode

    if decoder not in DECODERS:
        raise ConfigError(f"--decoder {decoder}: unknown", hint=choices(decoder, tuple(DECODERS)))
    try:
        decode(np.zeros((8, 8, 3), np.uint8), decoder, Palette(5), **given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--decoder {decoder} refuses the options given: {error}") from error
    return given
