"""A local HTTP server that ends connections in the middle of files."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Unsteady:
    """What the server holds and does.

    Attributes:
        files: path -> content.
        lets_through: bytes of an answer before the connection ends; None for all.
        ranges: whether it goes on in the middle of a file.
        status: answered in place of every file, if not 200.
        asked: the Range of each request, None without one.
        json: path without query -> body, as an API answers.
        headers: added to the answers of files, by path.
    """

    files: dict[str, bytes]
    lets_through: int | None = None
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    json: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    url: str = ""


@contextmanager
def serving(state: Unsteady) -> Iterator[Unsteady]:
    """Serve until the block ends; `state.url` is then the address without a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            if path in state.json:
                self._send(200, state.json[path], {"Content-Type": "application/json"}, body)
                return
            if body:
                state.asked.append(self.headers.get("Range"))
            if state.status != 200 or path not in state.files:
                self._send(404 if state.status == 200 else state.status, b"", {}, body)
                return
            whole = state.files[path]
            tag = f'"{hashlib.sha256(whole).hexdigest()}"'
            headers = {"ETag": tag, **state.headers.get(path, {})}
            begin, wanted = 0, re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if wanted and state.ranges and self.headers.get("If-Range", tag) == tag:
                begin = int(wanted[1])
                if begin >= len(whole):
                    self._send(416, b"", {"Content-Range": f"bytes */{len(whole)}"}, body)
                    return
                headers["Content-Range"] = f"bytes {begin}-{len(whole) - 1}/{len(whole)}"
            self._send(206 if begin else 200, whole[begin:], headers, body, state.lets_through)

        def _send(
            self, status: int, content: bytes, headers: dict[str, str], body: bool,
            lets_through: int | None = None,
        ) -> None:  # fmt: skip
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content[:lets_through])
                self.wfile.flush()
                if lets_through is not None and lets_through < len(content):
                    self.close_connection = True
                    self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
