"""Listings of S3: what a page holds, however it is written, and pages that do not come."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest

from unigs.errors import DataError
from unigs.remote.address import Address
from unigs.remote.listing import list_objects
from unigs.remote.s3_listing import list_s3, take_objects

PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3"><Name>b</Name>'
    "<IsTruncated>true</IsTruncated>{}<NextContinuationToken>2</NextContinuationToken>"
    "</ListBucketResult>"
)
OBJECT = (
    "<Contents>\n <Key>set/a%20b &amp; c</Key><LastModified>2026-11-30T12:00:05.000Z</LastModified>"
    "<ETag>&quot;a1&quot;</ETag><ChecksumType>FULL_OBJECT</ChecksumType><Size>3</Size>"
    "<Owner><ID>x</ID></Owner></Contents>"
)


# In a key: names that XML does not have, numbers of no character, and ends of lines.
UNREADABLE = ["a&b", "&copy;", "&#xD800;", "&#x110000;", "&#12a;", "a\r\nb"]


def taken(text: str) -> tuple[str, dict[str, Any]]:
    answer = {"status_code": 200, "body": text.encode()}
    added: dict[str, Any] = {}
    take_objects(answer, added, operation_model=None)
    return answer["body"].decode(), added  # type: ignore[attr-defined]


def test_objects_are_taken_out_of_an_answer() -> None:
    rest, added = taken(PAGE.format(OBJECT * 2))
    assert rest == PAGE.format("")
    time = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
    said = {"Key": "set/a%20b & c", "LastModified": time, "ETag": '"a1"', "Size": 3}
    assert added["Contents"] == [said, said]


@pytest.mark.parametrize(
    "text",
    [
        PAGE.format(""),
        "<Error><Code>SlowDown</Code><Key>x</Key></Error>",
        PAGE.format(OBJECT.replace("<Contents>", "<Contents kind='one'>")),
        PAGE.format(OBJECT.replace("set/a", "<![CDATA[set/a]]>")),
        PAGE.format(OBJECT + OBJECT.replace("<Size>3</Size>", "")),
        *(PAGE.format(OBJECT.replace("set/a", f"set/{key}")) for key in UNREADABLE),
    ],
    ids=["no objects", "an error", "attributes", "marked text", "no size", *UNREADABLE],
)
def test_what_is_written_in_another_way_is_left_to_the_client(text: str) -> None:
    assert taken(text) == (text, {})


@pytest.fixture
def by_the_client() -> Callable[[str], dict[str, Any]]:
    """What botocore reads from an answer when it asked for keys as parts of addresses."""
    session = pytest.importorskip("botocore.session")
    from botocore.handlers import decode_list_object_v2
    from botocore.parsers import create_parser

    model = session.get_session().get_service_model("s3").operation_model("ListObjectsV2")

    def read(text: str) -> dict[str, Any]:
        response = {"status_code": 200, "headers": {}, "body": text.encode()}
        parsed = create_parser("rest-xml").parse(response, model.output_shape)
        decode_list_object_v2(parsed, {"encoding_type_auto_set": True})
        return parsed

    return read


@pytest.mark.parametrize(
    "key",
    ["a%20b", "tab&#9;", "line&#xA;", "return&#xD;", "next&#x85;", "&#x80;&#159;", "&amp;#x85;",
     "delete&#127;", "raw\x7f\x85", "&lt;&gt;&apos;", "&#x1F600;", "&#38;amp;", "a\tb\nc"],
)  # fmt: skip
def test_keys_of_a_server_that_does_not_write_them_as_asked_are_those_of_the_client(
    key: str, by_the_client: Callable[[str], dict[str, Any]]
) -> None:
    text = PAGE.format(OBJECT.replace("a%20b", key))
    _, added = taken(text)
    (ours,), (theirs,) = added["Contents"], by_the_client(text)["Contents"]
    assert ours["Key"] == theirs["Key"]


@pytest.mark.parametrize("key", ["a&#x1;b", "&#8;", "&#x1f;", "&#xFFFE;", "raw\x01\x1f"])
def test_a_key_that_xml_cannot_hold_is_kept(
    key: str, by_the_client: Callable[[str], dict[str, Any]]
) -> None:
    """The client's parser refuses the whole answer."""
    text = PAGE.format(OBJECT.replace("a%20b", key))
    with pytest.raises(Exception, match="Unable to parse response"):
        by_the_client(text)
    rest, added = taken(text)
    assert rest == PAGE.format("")
    written = {"a&#x1;b": "a\x01b", "&#8;": "\x08", "&#x1f;": "\x1f", "&#xFFFE;": "\ufffe"}
    assert added["Contents"][0]["Key"] == f"set/{written.get(key, key)} & c"


class Paged:
    """A client of a bucket of two pages, of which the second may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.registered: dict[str, Any] = {}
        self.failure = failure
        self.s3 = SimpleNamespace(meta=SimpleNamespace(events=self))

    def register(self, event: str, handler: Any, unique_id: str) -> None:
        self.registered[unique_id] = handler

    def unregister(self, event: str, unique_id: str) -> None:
        del self.registered[unique_id]

    def split_path(self, path: str) -> tuple[str, str, None]:
        bucket, _, folder = path.partition("/")
        return bucket, folder, None

    def call_s3(self, operation: str, **given: Any) -> dict[str, Any]:
        assert self.registered
        assert (operation, given["Bucket"]) == ("list_objects_v2", "b")
        said = {"Key": f"{given['Prefix']}{given.get('ContinuationToken', 'one')}", "Size": 1}
        if "ContinuationToken" not in given:
            return {"Contents": [said], "IsTruncated": True, "NextContinuationToken": "two"}
        if self.failure:
            raise self.failure
        return {"Contents": [said], "IsTruncated": False}


@pytest.mark.parametrize(("base", "below"), [("b/set", "b/set/"), ("b", "b/")])
def test_all_pages_are_read(base: str, below: str) -> None:
    client = Paged()
    assert dict(list_s3(client, base)).keys() == {f"{below}one", f"{below}two"}
    assert client.registered == {}


def test_a_listing_that_breaks_off_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Paged(OSError("an answer that does not come"))
    address = Address("memory://b/set")
    monkeypatch.setattr(client, "protocol", ("s3", "s3a"), raising=False)
    monkeypatch.setattr(client, "invalidate_cache", lambda: None, raising=False)
    monkeypatch.setattr(address, "_files", client)
    monkeypatch.setattr(address, "_base", "b/set")
    with pytest.raises(DataError, match="cannot be reached: an answer that does not come"):
        address.below()
    assert client.registered == {}


@pytest.mark.slow
def test_a_listing_is_that_of_s3fs(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over pages, with names that XML and addresses write in other ways; and quickly."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    files, place = fsspec.filesystem("s3"), f"{bucket[5:]}/{uuid.uuid4().hex}"
    names = ("a b", "a&b", "ä+", "<x>", "a%20b", "f/'q'", 'f/"q"', "f/g/h")
    for name in names:
        files.pipe_file(f"{place}/{name}", name.encode())
    files.invalidate_cache()
    told = {
        path.removeprefix(f"{place}/"): (
            said["size"],
            said["ETag"].strip('"'),
            said["LastModified"],
        )
        for path, said in files.find(place, detail=True).items()
    }
    assert set(told) == set(names)
    listed = list_objects(f"s3://{place}")
    assert {
        name: (look[0], listed.versions[name], look[1] // 10**9)
        for name, look in listed.looks.items()
    } == {name: (size, etag, int(at.timestamp())) for name, (size, etag, at) in told.items()}
    # of the client's parser it would have dateutil's zone
    zones = {said["LastModified"].tzinfo for _, said in list_s3(files, place)}
    assert zones == {UTC}
