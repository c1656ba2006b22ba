"""A webhook and a mail server that remember what they were told."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any


class Hook(BaseHTTPRequestHandler):
    """A webhook that remembers what it was told."""

    def do_POST(self) -> None:
        self.server.told.append(  # type: ignore[attr-defined]
            (self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        )
        self.send_response(self.server.code)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """Just enough of SMTP."""

    def handle(self) -> None:
        lines: list[str] = self.server.told  # type: ignore[attr-defined]
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            lines.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif verb == "AUTH":
                self.wfile.write(self.server.auth)  # type: ignore[attr-defined]
            elif verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text.decode().rstrip())
                self.wfile.write(b"250 taken\r\n")
            elif verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def serving(server: Any) -> Iterator[Any]:
    """Serve in a thread until the generator is closed; `told` has what came."""
    server.told = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
