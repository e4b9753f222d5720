"""The templates of `gateway`: proxies, their configuration, the shift, and the objects of the Gateway API."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.charts.harness import CHARTS, Helm, Object, Refused, Rendered, load

pytestmark = pytest.mark.tools
CASES = {path.name.removesuffix("-values.yaml"): load(path) for path in (CHARTS / "gateway" / "ci").glob("*.yaml")}


def rendered(helm: Helm, case: str, **changed: Any) -> Rendered:
    values = {key: value for key, value in {**CASES[case], **changed}.items() if value is not None}
    return helm.render("gateway", values, name="gw", namespace="work")


def config(helm: Helm, case: str, **changed: Any) -> Object:
    text = rendered(helm, case, **changed).one("ConfigMap", "gw-envoy")["data"]["envoy.yaml"]
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def clusters(found: Object) -> dict[str, Object]:
    return {each["name"]: each for each in found["static_resources"]["clusters"]}


def address(cluster: Object, index: int = 0) -> tuple[str, int]:
    (endpoint,) = cluster["load_assignment"]["endpoints"][index]["lb_endpoints"]
    socket = endpoint["endpoint"]["address"]["socket_address"]
    return socket["address"], socket["port_value"]


def routes(found: Object) -> list[Object]:
    (chain,) = found["static_resources"]["listeners"][0]["filter_chains"]
    (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    return list(host["routes"])


def test_each_backend_has_its_weight_and_others_stand_in_by_theirs(helm: Helm) -> None:
    found = config(helm, "split")
    (route,) = routes(found)
    split = route["route"]["weighted_clusters"]
    assert split["runtime_key_prefix"] == "weight"
    assert {each["name"]: each["weight"] for each in split["clusters"]} == {
        "doubao-ascend": 50,
        "doubao-cambricon": 20,
        "doubao-h20": 30,
    }
    order = clusters(found)["doubao-cambricon"]["cluster_type"]["typed_config"]["clusters"]
    assert order == ["own.doubao-cambricon", "own.doubao-ascend", "own.doubao-h20"]


def test_a_backend_of_this_cluster_is_reached_replica_by_replica(helm: Helm) -> None:
    own = clusters(config(helm, "split"))["own.doubao-h20"]
    assert address(own) == ("doubao-h20-replicas.doubao.svc", 8000)
    assert own["health_checks"][0]["http_health_check"] == {"path": "/health"}


def test_a_replica_that_leaves_its_service_gets_nothing_new_although_it_is_well(helm: Helm) -> None:
    assert clusters(config(helm, "split"))["own.doubao-h20"]["ignore_health_on_host_removal"] is True


def test_a_backend_of_another_cluster_is_reached_by_its_address(helm: Helm) -> None:
    found = clusters(config(helm, "clusters"))
    remote = found["own.cn-north-inference-2.doubao-ascend"]
    assert address(remote) == ("doubao-ascend.doubao.cn-north-inference-2.clusters.internal", 80)
    assert "transport_socket" not in remote
    named = found["own.cn-east-inference-1.doubao-h20"]
    assert address(named) == ("doubao.cn-east.test", 443)
    assert named["transport_socket"]["typed_config"]["sni"] == "doubao.cn-east.test"
    by_default = config(helm, "clusters", remote={"domain": "dc.test", "port": 8443, "tls": True})
    secured = clusters(by_default)["own.cn-north-inference-2.doubao-ascend"]
    assert address(secured) == ("doubao-ascend.doubao.cn-north-inference-2.dc.test", 8443)
    assert "transport_socket" in secured


def test_two_backends_that_differ_in_their_cluster_are_two(helm: Helm) -> None:
    (route,) = routes(config(helm, "clusters"))
    names = [each["name"] for each in route["route"]["weighted_clusters"]["clusters"]]
    assert names == ["doubao-ascend", "cn-north-inference-2.doubao-ascend", "cn-east-inference-1.doubao-h20"]


def test_jobs_go_to_all_replicas_in_one_group(helm: Helm) -> None:
    found = config(helm, "video")
    assert [route["match"]["prefix"] for route in routes(found)] == ["/v1/videos/", "/"]
    assert len(clusters(found)["jobs"]["load_assignment"]["endpoints"]) == 2
    with pytest.raises(Refused, match="API video"):
        config(helm, "video", remote={"tls": True})


def test_an_upstream_has_its_certificate_checked_and_its_key_in_a_secret(helm: Helm) -> None:
    made = rendered(helm, "upstream")
    upstream = clusters(config(helm, "upstream"))["upstream"]
    assert address(upstream) == ("llm.example.test", 443)
    tls = upstream["transport_socket"]["typed_config"]
    assert (tls["sni"], tls["auto_sni_san_validation"]) == ("llm.example.test", True)
    (spec,) = made.pod_specs()
    secret = next(each["secret"] for each in spec["volumes"] if each["name"] == "key")
    assert secret == {"secretName": "cici-upstream-key", "items": [{"key": "value", "path": "value"}]}
    (template,) = made.pod_templates()
    assert template["metadata"]["annotations"]["causeway/secret-digest"] == "5f2c"
    assert made.of("HTTPRoute") == made.of("Gateway") == []


@pytest.mark.parametrize(
    ("url", "wanted", "path"),
    [
        ("http://llm.test", ("llm.test", 80), "/"),
        ("https://llm.test:8443/api/v3/", ("llm.test", 8443), "/api/v3/"),
    ],
)
def test_an_upstreams_url_tells_port_and_path(helm: Helm, url: str, wanted: tuple[str, int], path: str) -> None:
    found = config(helm, "upstream", upstream={**CASES["upstream"]["upstream"], "baseUrl": url})
    upstream = clusters(found)["upstream"]
    assert address(upstream) == wanted
    assert ("transport_socket" in upstream) == url.startswith("https")
    assert routes(found)[0]["route"]["prefix_rewrite"] == path


def test_the_configmap_of_shifts_has_no_data_so_that_nobody_takes_a_shift_back(helm: Helm) -> None:
    shift = rendered(helm, "split").one("ConfigMap", "gw-shift")
    assert "data" not in shift
    assert shift["metadata"]["labels"]["app.kubernetes.io/component"] == "shift"
    assert shift["metadata"]["labels"]["causeway/workload"] == "doubao"
    weights = yaml.safe_load(shift["metadata"]["annotations"]["causeway/weights"])
    assert weights == {"doubao-ascend": 50, "doubao-cambricon": 20, "doubao-h20": 30}
    (spec,) = rendered(helm, "split").pod_specs()
    assert {"name": "shift", "configMap": {"name": "gw-shift", "optional": True}} in spec["volumes"]


def test_proxies_start_anew_when_their_configuration_changes_and_only_then(helm: Helm) -> None:
    def digest(**changed: Any) -> str:
        (template,) = rendered(helm, "split", **changed).pod_templates()
        return str(template["metadata"]["annotations"]["checksum/envoy"])

    assert digest() == digest(replicas=5) != digest(retries=7)


def test_proxies_run_without_root_and_write_nothing(helm: Helm) -> None:
    (spec,) = rendered(helm, "split").pod_specs()
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"].startswith("registry.cn-north.test/envoyproxy/envoy:")
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] < spec["terminationGracePeriodSeconds"]


def test_one_proxy_after_the_other_is_replaced_and_evicted(helm: Helm) -> None:
    made = rendered(helm, "split")
    assert made.one("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert made.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_host_name_is_a_gateway_of_the_clusters_class_and_a_route(helm: Helm) -> None:
    made = rendered(helm, "split")
    gateway = made.one("Gateway")["spec"]
    assert gateway["gatewayClassName"] == "causeway"
    (listener,) = gateway["listeners"]
    assert (listener["hostname"], listener["protocol"]) == ("doubao.cn-north.test", "HTTP")
    route = made.one("HTTPRoute")["spec"]
    assert route["parentRefs"] == [{"name": "gw"}]
    assert route["hostnames"] == ["doubao.cn-north.test"]
    assert route["rules"][0]["backendRefs"] == [{"name": "gw", "port": 80}]
    assert made.one("Service")["spec"]["ports"][0]["port"] == 80


def test_with_a_certificate_the_gateway_serves_https(helm: Helm) -> None:
    (listener,) = rendered(helm, "video").one("Gateway")["spec"]["listeners"]
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["tls"]["certificateRefs"] == [{"name": "jimeng-tls"}]


def test_a_route_can_join_a_gateway_of_others_and_can_be_left_out(helm: Helm) -> None:
    joined = rendered(helm, "clusters")
    assert joined.of("Gateway") == []
    assert joined.one("HTTPRoute")["spec"]["parentRefs"][0]["name"] == "site"
    without = rendered(helm, "split", gateway={"enabled": False})
    assert without.of("Gateway") == without.of("HTTPRoute") == []


def test_who_may_come_can_be_named(helm: Helm) -> None:
    anybody, _ = rendered(helm, "split").one("NetworkPolicy")["spec"]["ingress"]
    assert "from" not in anybody
    named, _ = rendered(helm, "video").one("NetworkPolicy")["spec"]["ingress"]
    assert named["from"] == CASES["video"]["networkPolicy"]["from"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"backends": []}, "/backends"),
        ({"backends": [{"release": "a"}]}, "/backends/0"),
        ({"backends": [{"release": "a", "weight": 101}]}, "/backends/0/weight"),
        ({"upstream": CASES["upstream"]["upstream"]}, "/upstream"),
        ({"host": "Doubao Test"}, "/host"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(helm: Helm, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=f"at '{told}"):
        rendered(helm, "split", **changed)


def test_an_upstream_without_its_secret_is_refused(helm: Helm) -> None:
    with pytest.raises(Refused, match="existingSecret"):
        rendered(helm, "upstream", upstream={"api": "openai", "baseUrl": "https://llm.test/v1"})
