"""Weights come from a Hub that drops connections: safetensors alone, with its checksums."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from tests.support.servers.unsteady_server import Unsteady, serving

pytestmark = pytest.mark.slow

REPO, COMMIT = "madebyollin/taesd", "0" * 39 + "1"
# more than twice the pieces in which the Hub's library writes what has arrived
PIECE = 11_000_000
WEIGHTS = bytes(range(256)) * 100_000
FILES = {"config.json": b"{}", "diffusion_pytorch_model.safetensors": WEIGHTS, "a.bin": b"pickle"}


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def hub():
    """The addresses of a Hub that the library asks for."""
    tree = []
    with serving(Unsteady({})) as server:
        for name, content in FILES.items():
            entry = {"type": "file", "path": name, "size": len(content), "oid": git_sha1(content)}
            digest = entry["oid"]
            if name.endswith("safetensors"):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
            tree.append(entry)
            for revision in (COMMIT, "main"):
                path = f"/{REPO}/resolve/{revision}/{name}"
                server.files[path] = content
                server.headers[path] = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'}
        about = {
            "id": REPO, "sha": COMMIT, "private": False, "tags": [], "downloads": 0, "likes": 0,
            "siblings": [{"rfilename": name} for name in FILES],
        }  # fmt: skip
        for revision in (COMMIT, "main"):
            server.json[f"/api/models/{REPO}/revision/{revision}"] = json.dumps(about).encode()
            server.json[f"/api/models/{REPO}/tree/{revision}"] = json.dumps(tree).encode()
        server.json[f"/api/models/{REPO}"] = json.dumps(about).encode()
        yield server


def fetched(server, folder, *more):
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(folder / "hub"),
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-m", "unigs", "fetch", "taesd", "--json", *more]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_weights_arrive_whole_with_their_licence(hub, tmp_path):
    hub.lets_through = PIECE
    done = fetched(hub, tmp_path, "--out", "taesd")
    assert done.returncode == 0, done.stderr
    assert "licence: MIT" in done.stderr
    assert json.loads(done.stdout)["place"] == "taesd"
    names = {file.name for file in (tmp_path / "taesd").iterdir()}
    assert names == {"config.json", "diffusion_pytorch_model.safetensors"}
    assert (tmp_path / "taesd" / "diffusion_pytorch_model.safetensors").read_bytes() == WEIGHTS
    assert any(asked and asked != "bytes=0-" for asked in hub.asked)


def test_a_hub_that_gives_up_is_one_line(hub, tmp_path):
    hub.lets_through = 1000
    done = fetched(hub, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("unigs: madebyollin/taesd: ")
    assert "Traceback" not in done.stderr


def test_damaged_weights_are_one_line(hub, tmp_path):
    for revision in (COMMIT, "main"):
        path = f"/{REPO}/resolve/{revision}/diffusion_pytorch_model.safetensors"
        hub.files[path] = WEIGHTS[::-1]
    done = fetched(hub, tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "checksum mismatch of diffusion_pytorch_model.safetensors" in done.stderr


def test_no_hub_is_one_line(tmp_path):
    class Nowhere:
        url = "http://127.0.0.1:9"

    done = fetched(Nowhere, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("unigs: ")
    assert "Traceback" not in done.stderr
