"""A file arrives whole from a server that ends connections, or not at all."""

import hashlib

import pytest

from tests.support.servers.unsteady_server import Unsteady, serving
from unigs.errors import DataError, TransientError
from unigs.workflows.fetch.download import download

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("unigs.workflows.fetch.download.BLOCK", 500)
    with serving(Unsteady({"/a.zip": CONTENT})) as state:
        yield state


def fetched(server, folder, sha256=DIGEST, **options):
    download(f"{server.url}/a.zip", folder / "a.zip", sha256, pause=0, **options)
    assert (folder / "a.zip").read_bytes() == CONTENT
    assert {file.name for file in folder.iterdir()} == {"a.zip"}


def test_a_server_that_drops_connections_is_asked_for_the_rest(server, tmp_path):
    server.lets_through = 3000
    told = []
    fetched(server, tmp_path, progress=lambda *at: told.append(at))
    assert server.asked == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_the_next_command_goes_on(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT[:4000])
    (tmp_path / "a.zip.part.tag").write_text(f'"{DIGEST}"')
    fetched(server, tmp_path)
    assert server.asked == ["bytes=4000-"]


def test_a_file_that_changed_meanwhile_begins_anew(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(b"of another version")
    (tmp_path / "a.zip.part.tag").write_text('"another"')
    fetched(server, tmp_path)


def test_a_part_without_a_tag_begins_anew(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(b"of nobody knows what")
    fetched(server, tmp_path)
    assert server.asked == [None]


def test_a_part_that_is_whole_is_taken(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    (tmp_path / "a.zip.part.tag").write_text(f'"{DIGEST}"')
    fetched(server, tmp_path)


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    server.ranges = False
    (tmp_path / "a.zip.part").write_bytes(CONTENT[:4000])
    (tmp_path / "a.zip.part.tag").write_text(f'"{DIGEST}"')
    fetched(server, tmp_path)


def test_a_damaged_file_is_not_kept(server, tmp_path):
    with pytest.raises(DataError, match="checksum mismatch"):
        fetched(server, tmp_path, sha256="0" * 64)
    assert not list(tmp_path.iterdir())


def test_the_beginning_of_a_digest_is_enough(server, tmp_path):
    fetched(server, tmp_path, sha256=DIGEST[:8])


def test_a_server_that_never_gives_more_is_given_up_and_the_rest_stays(server, tmp_path):
    server.lets_through = 0
    (tmp_path / "a.zip.part").write_bytes(CONTENT[:4000])
    (tmp_path / "a.zip.part.tag").write_text(f'"{DIGEST}"')
    with pytest.raises(TransientError, match="4,000 bytes have arrived"):
        fetched(server, tmp_path, tries=3)
    assert (tmp_path / "a.zip.part").read_bytes() == CONTENT[:4000]
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "kind"), [(404, DataError), (403, DataError),
                                              (503, TransientError)])  # fmt: skip
def test_what_the_server_answers_is_said(server, tmp_path, status, kind):
    server.status = status
    with pytest.raises(kind, match=str(status)):
        fetched(server, tmp_path, tries=2)


def test_no_server_at_all(tmp_path):
    with pytest.raises(TransientError, match="no connection"):
        download("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", DIGEST, tries=2, pause=0)


def test_a_full_disk_is_told_before_it_is_full(server, tmp_path, monkeypatch):
    from unigs.workflows.fetch import download as module

    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("", (), {"free": 100}))
    with pytest.raises(DataError, match="100 are free"):
        fetched(server, tmp_path)
