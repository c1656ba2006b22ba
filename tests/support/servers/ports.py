"""Ports for servers that tests start."""

import random
import socket

# Below those that Linux gives to whoever asks for any, connections included: between the choice
# and the server's start nobody else takes one.
_RANGE = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, drawn at random: two tests that choose at
    the same time choose different ones."""
    draw = random.SystemRandom()
    while True:
        port = draw.choice(_RANGE)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
