"""An empty place for objects."""

import uuid

import pytest


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def address(request: pytest.FixtureRequest) -> str:
    """An address of its own: in memory, and in a bucket of a local S3 server."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    return f"memory://{uuid.uuid4().hex}/set"
