"""Fixtures that several folders share; those that reach the real excerpts skip the tests that need
them where they are not given."""

import os

# Before torch is imported: threads of several test processes that compete for two cores stall
# each other for minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lacks",
        default="",
        metavar="torch,dagster",
        help="packages this environment does without: tests that import one are skipped",
    )


def _skip_if_lacked(config: pytest.Config, error: BaseException | None) -> None:
    """Skip what failed for a package named by --lacks; anything else that is missing is a fault."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in config.getoption("lacks").split(","):
            pytest.skip(f"needs {package}", allow_module_level=True)


class _Module(pytest.Module):
    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            _skip_if_lacked(self.config, error.__cause__)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _Module.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    except ModuleNotFoundError as error:
        _skip_if_lacked(item.config, error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    except ModuleNotFoundError as error:
        _skip_if_lacked(item.config, error)
        raise


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse what is marked e2e where ``make test-e2e`` does not look for it."""
    looked_at = Path(__file__).parent / "e2e"
    for item in items:
        if item.get_closest_marker("e2e") and not item.path.is_relative_to(looked_at):
            raise pytest.UsageError(f"{item.nodeid} is marked e2e and not in tests/e2e")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    folder = Path(value).resolve()
    if not folder.is_dir():
        pytest.skip(f"{variable}={value} is not a folder")
    return folder


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data set excerpts."""
    return _folder("UNIGS_TEST_DATA")


@pytest.fixture(scope="session")
def test_weights() -> Path:
    """The folder of real pretrained weights."""
    return _folder("UNIGS_TEST_WEIGHTS")


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    """The parts of a random pipeline, of a test file's own."""
    from tests.support.models.tiny_pipeline import components

    return components()


@pytest.fixture
def pipeline(components: dict[str, Any]) -> Any:
    """A random pipeline of them."""
    from tests.support.models.tiny_pipeline import tiny_pipeline

    return tiny_pipeline(components)


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """A bucket of a local S3 server, reached as any other."""
    import fsspec

    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("shards")
        yield "s3://shards"
    server.stop()
