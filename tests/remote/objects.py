"""Objects at addresses, for tests of listings and copies."""

import fsspec


def put(address: str, **contents: bytes) -> None:
    """Write objects below an address; `__` in a name stands for a slash."""
    for name, content in contents.items():
        with fsspec.open(f"{address}/{name.replace('__', '/')}", "wb") as file:
            file.write(content)
