"""A Ray cluster of two nodes on this machine, reached on 127.0.0.1 alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.ports import free_port

ADDRESS = "127.0.0.1"
OBJECT_STORE_BYTES = 100 << 20


class Nodes:
    """The head and one worker node, with one CPU each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        port = free_port()
        common = {
            "num_cpus": 1,
            "node_ip_address": ADDRESS,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **common,
                "include_dashboard": True,
                "dashboard_host": ADDRESS,
                "dashboard_port": port,
            },
        )
        self._common = common
        self.job_server = f"http://{ADDRESS}:{port}"
        self.worker: Any = None
        self.add_worker()

    def add_worker(self) -> None:
        self.worker = self.cluster.add_node(**self._common)

    def kill_worker(self) -> None:
        """As a machine that loses its power: nothing on it says goodbye."""
        self.cluster.remove_node(self.worker, allow_graceful=False)


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Start the cluster, and end it with the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_USAGE_STATS_ENABLED": "0",
            # else Ray turns 127.0.0.1 into the address of a network card, where no one listens
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            # gloo asks the resolver for the name of the machine otherwise
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
            # else workers wait for everything else that the machine does ...
            "RAY_worker_niceness": "0",
            # ... and those that are slow to start are started once more
            "RAY_worker_register_timeout_seconds": "600",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }.items():
            patch.setenv(name, value)
        nodes = Nodes()
        try:
            yield nodes
        finally:
            nodes.cluster.shutdown()
