"""Ports of the pages that are served on this machine."""

from __future__ import annotations

import socket

from unigs.errors import ConfigError

LOCAL = "127.0.0.1"


def require_free(port: int, address: str = LOCAL, option: str = "--port") -> None:
    """Raise ConfigError, with the next free port as a hint for `option`, if a port is in use."""
    if _is_free(port, address):
        return
    following = next((one for one in range(port + 1, 65536) if _is_free(one, address)), None)
    hint = f"give {option} {following}" if following else f"give another {option}"
    raise ConfigError(f"port {port} of {address} is in use", hint=hint)


def _is_free(port: int, address: str) -> bool:
    with socket.socket() as probe:
        # as the server itself: what is only waiting to be closed does not count as in use
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except socket.gaierror as error:
            raise ConfigError(f"no address {address} here", hint=f"give {LOCAL}") from error
        except OSError:
            return False
        return True
