"""What a wait for a node's accelerators takes for enough. No API server is asked."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from causeway.cluster.api import Api
from causeway.cluster.nodes import ClusterNodes

RESOURCE = "nvidia.com/gpu"


class Node:
    """Stands in for `causeway.cluster.api.Api`: one node, which offers a number of accelerators."""

    def __init__(self, offers: int) -> None:
        self.offers = offers

    def get(self, path: str) -> dict[str, Any]:
        assert path.endswith("/gpu-1")
        return {"status": {"allocatable": {RESOURCE: str(self.offers)}}}


@pytest.mark.parametrize(("offers", "at_once"), [(8, True), (32, True), (7, False)])
def test_a_node_that_offers_more_than_expected_is_waited_for_no_longer(offers: int, *, at_once: bool) -> None:
    nodes = ClusterNodes(cast("Api", Node(offers)))
    began = time.monotonic()
    assert nodes.wait_allocatable("gpu-1", RESOURCE, 8, 3, lambda: False) == offers
    assert (time.monotonic() - began < 2) == at_once
