"""A Ray cluster for tests; skipped where Ray is not installed."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest


@contextmanager
def two_nodes():
    """A Ray cluster of two simulated machines with one core each, ended by its own processes."""
    pytest.importorskip("ray", reason="ray is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
