"""The other templates of `inference`: Services, disruption budget, network policy, account, the script of the end."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Object, Rendered, load

pytestmark = pytest.mark.tools
CASE = load(CHARTS / "inference" / "ci" / "vllm-values.yaml")
DRAIN = CHARTS / "inference" / "files" / "drain.py"


def rendered(helm: Helm, template: str, **changed: Any) -> Rendered:
    return helm.render("inference", {**CASE, **changed}, name="part", namespace="work", template=template)


def test_people_have_one_service_and_gateways_one_that_names_each_replica(helm: Helm) -> None:
    made = rendered(helm, "service.yaml")
    assert made.one("Service", "part")["spec"]["ports"][0]["port"] == 80
    headless = made.one("Service", "part-replicas")["spec"]
    assert (headless["clusterIP"], headless["ports"][0]["port"]) == ("None", 8000)
    engine = {**CASE["engine"], "port": 30000}
    moved = rendered(helm, "service.yaml", engine=engine, service={"type": "LoadBalancer"})
    assert moved.one("Service", "part-replicas")["spec"]["ports"][0]["port"] == 30000
    assert moved.one("Service", "part")["spec"]["type"] == "LoadBalancer"


@pytest.mark.parametrize(("on_drain", "budget"), [("shift_traffic", "25%"), ("wait_for_end", "25%"), ("refuse", 0)])
def test_the_disruption_budget_lets_a_drain_proceed_unless_the_workload_refuses(
    helm: Helm, on_drain: str, budget: Any
) -> None:
    spec = rendered(helm, "poddisruptionbudget.yaml", onDrain=on_drain).one("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == budget
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_only_the_workloads_own_namespace_may_ask_the_model(helm: Helm) -> None:
    spec = rendered(helm, "networkpolicy.yaml").one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    (rule,) = spec["ingress"]
    assert rule["from"] == [{"podSelector": {}}]


def test_others_can_be_let_in_and_the_way_out_closed(helm: Helm) -> None:
    more = [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
    policy = {"enabled": True, "ingress": more, "egress": [{"ports": [{"port": 443}]}]}
    spec = rendered(helm, "networkpolicy.yaml", networkPolicy=policy).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"][1:] == more
    names, declared = spec["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert declared == {"ports": [{"port": 443}]}
    closed = rendered(helm, "networkpolicy.yaml", networkPolicy={**policy, "egress": []}).one("NetworkPolicy")["spec"]
    assert len(closed["egress"]) == 1
    whole = helm.render("inference", {**CASE, "networkPolicy": {"enabled": False}})
    assert whole.of("NetworkPolicy") == []


def test_the_account_is_the_releases_own_or_that_of_another(helm: Helm) -> None:
    account = rendered(helm, "serviceaccount.yaml", serviceAccount={"annotations": {"role": "reader"}})
    made = account.one("ServiceAccount", "part")
    assert made["metadata"]["annotations"] == {"role": "reader"}
    assert made["automountServiceAccountToken"] is False
    other = helm.render("inference", {**CASE, "serviceAccount": {"create": False, "name": "models"}})
    assert other.of("ServiceAccount") == []
    (spec,) = other.pod_specs()
    assert spec["serviceAccountName"] == "models"


def test_the_script_of_the_end_is_the_file_of_the_chart(helm: Helm) -> None:
    data = rendered(helm, "configmap.yaml").one("ConfigMap", "part-drain")["data"]
    assert data["drain.py"].rstrip() == DRAIN.read_text("utf-8").rstrip()


class Engine(http.server.BaseHTTPRequestHandler):
    """Metrics of an engine that has fewer requests each time it is asked."""

    left: list[int]

    def do_GET(self) -> None:
        number = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        text = f'vllm:num_requests_running{{model_name="m"}} {number}\nvllm:num_requests_running_total 99\n'
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def engine() -> Iterator[tuple[type[Engine], str]]:
    class Own(Engine):
        left = [0]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Own, f"http://127.0.0.1:{server.server_address[1]}/metrics"
    server.shutdown()
    server.server_close()


def drained(url: str, *, limit: int) -> float:
    """Seconds until the script let the server stop."""
    started = time.monotonic()
    words = [sys.executable, str(DRAIN), url, "0", str(limit), "vllm:num_requests_running"]
    subprocess.run(words, check=True, timeout=20)
    return time.monotonic() - started


def test_a_server_stops_when_its_last_request_has_ended(engine: tuple[type[Engine], str]) -> None:
    handler, url = engine
    handler.left = [2, 2, 1, 0]
    assert 1.5 < drained(url, limit=15) < 8
    assert handler.left == [0]


def test_a_server_whose_requests_do_not_end_stops_in_time(engine: tuple[type[Engine], str]) -> None:
    handler, url = engine
    handler.left = [1]
    assert 2 <= drained(url, limit=2) < 6


def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    assert drained("http://127.0.0.1:9/metrics", limit=15) < 3


def objects(made: Rendered) -> list[Object]:
    return made.objects


def test_every_object_bears_the_workload_and_its_data_class(helm: Helm) -> None:
    for document in objects(helm.render("inference", CASE, name="part", namespace="work")):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "work"
        assert labels["causeway/audience"] == "china"


def test_a_name_of_53_characters_still_fits_every_object(helm: Helm) -> None:
    name = "a" * 53
    for document in objects(helm.render("inference", CASE, name=name)):
        assert len(document["metadata"]["name"]) <= 63


def test_the_scripts_source_is_read_by_old_pythons() -> None:
    compile(Path(DRAIN).read_text("utf-8"), str(DRAIN), "exec", dont_inherit=True)
