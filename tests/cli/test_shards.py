"""`unigs shards`: what scripts read from stdout."""

import json

import pytest
from typer.testing import CliRunner

from unigs.cli.shards import shards
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError


def run(*arguments):
    result = CliRunner().invoke(shards, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, train=0, val=8, size=48)
    return folder


def test_build_verify_show(root, tmp_path):
    build = ["build", "--dataset", "shapes", "--root", root, "--split", "val", "--size", 48]
    build += ["--task", "referring", "--out", tmp_path / "out", "--shards", 2, "--json"]
    first = run(*build)
    assert sum(shard["samples"] for shard in first["shards"]) == first["samples"] == 8
    assert {"path", "sha256", "samples"} <= set(first["shards"][0])
    assert first["built"] == 2
    assert first["notes"] == []
    again = run(*build)
    assert (again["built"], again["cached"], again["digest"]) == (0, 2, first["digest"])

    assert run("verify", tmp_path / "out", "--json") == {"ok": True, "bad": []}
    sheet = tmp_path / "sheet.png"
    assert run("show", tmp_path / "out", "--out", sheet, "--count", 4, "--json")["samples"] == 4
    assert sheet.is_file()

    far = f"memory://{tmp_path.name}"
    assert len(run("push", tmp_path / "out", far, "--json")["copied"]) == 2
    assert len(run("pull", far, tmp_path / "cache", "--json")["copied"]) == 2
    assert run("verify", tmp_path / "cache", "--json")["ok"]

    shard = tmp_path / "out" / first["shards"][0]["path"].rsplit("/", 1)[1]
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    result = CliRunner().invoke(shards, ["verify", str(tmp_path / "out"), "--json"])
    told = json.loads(result.stdout.strip().splitlines()[-1])
    assert told["ok"] is False
    assert told["bad"][0]["shard"] == shard.name
    assert told["bad"][0]["key"]
    assert isinstance(result.exception, DataError)


def test_energon_and_foreign_files(root, tmp_path):
    build = ["build", "--dataset", "shapes", "--root", root, "--split", "val", "--size", 48]
    build += ["--task", "entity", "--out", tmp_path / "out", "--shards", 2, "--json"]
    assert run(*build, "--energon")["digest"] == run(*build)["digest"]
    assert not (tmp_path / "out" / ".nv-meta" / "split.yaml").exists()
    run(*build, "--energon")
    assert "val:\n  - entity-00000" in (tmp_path / "out" / ".nv-meta" / "split.yaml").read_text()
    (tmp_path / "out" / "mine.tar").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"mine\.tar: none of the shards of this folder"):
        run("verify", tmp_path / "out", "--json")


def test_shards_at_an_address_are_verified_and_shown(root, tmp_path):
    build = ["build", "--dataset", "shapes", "--root", root, "--split", "val", "--size", 48]
    run(*build, "--task", "entity", "--out", tmp_path / "out", "--json")
    far = f"memory://{tmp_path.name}-far"
    run("push", tmp_path / "out", far, "--json")
    assert run("verify", far, "--json")["ok"]
    assert run("show", far, "--out", tmp_path / "a.png", "--json")["samples"] == 8


def test_wrong_use_is_told(root, tmp_path):
    build = ["build", "--dataset", "shapes", "--split", "val", "--out", tmp_path, "--json"]
    with pytest.raises(ConfigError, match="palette"):
        run(*build, "--root", root, "--task", "entity", "--palette", "rainbow")
    with pytest.raises(ConfigError, match="unknown task"):
        run(*build, "--root", root, "--task", "panoptic")
    with pytest.raises(DataError):
        run(*build, "--root", tmp_path / "missing", "--task", "entity")
    bad = CliRunner().invoke(shards, [*map(str, build), "--root", str(root), "--task", "entity",
                                      "--coarse", "circle"])  # fmt: skip
    assert bad.exit_code == 2
