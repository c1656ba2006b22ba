"""A server that answers listings of one bucket as S3 does, 1,000 objects a page, and nothing else.

    python -m benchmarks.operations.s3_pages COUNT

It prints its port. A PUT adds one object to those that it counts up to.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PAGE = 1000
_ADDRESS = "s3://bucket/set"


def objects(count: int) -> list[str]:
    names = [f"set/train2017/{one // _PAGE:04d}/{one:08d}.jpg" for one in range(count)]
    return [*names, *(f"set/annotations/panoptic_{split}2017.json" for split in ("train", "val"))]


def page(names: list[str], start: int) -> bytes:
    told = "".join(
        f"<Contents><Key>{name}</Key><LastModified>2026-11-30T12:00:05.000Z</LastModified>"
        f"<ETag>&quot;{hashlib.md5(name.encode()).hexdigest()}&quot;</ETag><Size>12345</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for name in names[start : start + _PAGE]
    )
    more = start + _PAGE < len(names)
    then = f"<NextContinuationToken>{start + _PAGE}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{then}{told}</ListBucketResult>"
    ).encode()


class _Listing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    names: list[str]

    def do_GET(self) -> None:
        asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        self._answer(page(self.names, int(asked.get("continuation-token", ["0"])[0])))

    def do_PUT(self) -> None:
        self.names.append("set/train2017/new.jpg")
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given: object) -> None:
        pass


@contextmanager
def listing_server(count: int) -> Iterator[str]:
    """Serve ``count`` images and two annotation files; yield the address, with the environment in
    which s3fs reaches it."""
    command = [sys.executable, "-m", "benchmarks.operations.s3_pages", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            os.environ.update(
                AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
                AWS_ACCESS_KEY_ID="none",
                AWS_SECRET_ACCESS_KEY="none",
                AWS_DEFAULT_REGION="us-east-1",
            )
            yield _ADDRESS
        finally:
            # not asked to end: started by what ignores SIGTERM it would ignore it too
            server.kill()


def add_object() -> None:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/new"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=b"")).close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", type=int, help="objects in the bucket")
    _Listing.names = objects(parser.parse_args().count)
    service = ThreadingHTTPServer(("127.0.0.1", 0), _Listing)
    print(service.server_port, flush=True)
    service.serve_forever()
