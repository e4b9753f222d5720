"""`templates/deployment.yaml`: the server of one model, its weights, its probes and its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Object, Refused, load

pytestmark = pytest.mark.tools
CASES = {path.name.removesuffix("-values.yaml"): load(path) for path in (CHARTS / "inference" / "ci").glob("*.yaml")}
VENDORS = {
    "vllm": ("nvidia.com/gpu", "nvidia"),
    "vllm-ascend": ("huawei.com/Ascend910", "ascend"),
    "vllm-mlu": ("cambricon.com/mlu", None),
}


def deployment(helm: Helm, case: str, **changed: Any) -> Object:
    values = {**CASES[case], **changed}
    return helm.render("inference", values, name="part", namespace="work", template="deployment.yaml").one("Deployment")


def pod(helm: Helm, case: str, **changed: Any) -> Object:
    spec: Object = deployment(helm, case, **changed)["spec"]["template"]["spec"]
    return spec


def server(helm: Helm, case: str, **changed: Any) -> Object:
    (found,) = pod(helm, case, **changed)["containers"]
    return dict(found)


def volumes(spec: Object) -> dict[str, Object]:
    return {volume["name"]: volume for volume in spec["volumes"]}


@pytest.mark.parametrize("case", VENDORS)
def test_a_replica_asks_for_its_vendors_accelerators_and_runtime_class(helm: Helm, case: str) -> None:
    resource, runtime_class = VENDORS[case]
    spec = pod(helm, case)
    (container,) = spec["containers"]
    assert container["resources"]["limits"] == {resource: "4"}
    assert container["resources"]["requests"][resource] == "4"
    assert spec.get("runtimeClassName") == runtime_class


@pytest.mark.parametrize("case", [*VENDORS, "vllm-omni-video", "vllm-omni-image"])
def test_tensor_parallelism_follows_the_accelerators_of_a_replica(helm: Helm, case: str) -> None:
    count = CASES[case]["accelerator"]["count"]
    container = server(helm, case)
    assert container["command"] == ["vllm", "serve"]
    assert f"--tensor-parallel-size={count}" in container["args"]
    assert ("--omni" in container["args"]) == case.startswith("vllm-omni")
    more = server(helm, case, accelerator={**CASES[case]["accelerator"], "count": 8})
    assert "--tensor-parallel-size=8" in more["args"]


@pytest.mark.parametrize(("precision", "argument"), [("bf16", "--dtype=bfloat16"), ("fp16", "--dtype=float16")])
def test_the_number_format_is_told_where_the_engine_has_to_know(helm: Helm, precision: str, argument: str) -> None:
    model = CASES["vllm"]["model"]
    assert argument in server(helm, "vllm", model={**model, "precision": precision})["args"]
    told = server(helm, "vllm", model={**model, "precision": "fp8"})["args"]
    assert not [each for each in told if each.startswith("--dtype")]


@pytest.mark.parametrize(
    ("image", "registry", "wanted"),
    [
        ("vllm/vllm-openai@sha256:" + "0" * 64, "mirror.test", "mirror.test/vllm/vllm-openai@sha256:" + "0" * 64),
        ("vllm/vllm-openai:v1", "", "vllm/vllm-openai:v1"),
        ("registry.test:5000/vllm:v1", "mirror.test", "registry.test:5000/vllm:v1"),
        ("localhost/vllm:v1", "mirror.test", "localhost/vllm:v1"),
        ("vllm:v1", "mirror.test/ai", "mirror.test/ai/vllm:v1"),
    ],
)
def test_an_image_comes_from_the_sites_mirror_unless_it_names_a_registry(
    helm: Helm, image: str, registry: str, wanted: str
) -> None:
    engine = {**CASES["vllm"]["engine"], "image": image}
    assert server(helm, "vllm", engine=engine, imageRegistry=registry)["image"] == wanted


def test_an_image_that_nobody_names_is_the_mirrors_own_of_that_engine(helm: Helm) -> None:
    assert server(helm, "vllm-mlu")["image"] == "registry.cn-north.test/vllm-mlu:site-default"
    engine = {**CASES["vllm-mlu"]["engine"], "version": "0.9.1"}
    assert server(helm, "vllm-mlu", engine=engine)["image"] == "registry.cn-north.test/vllm-mlu:0.9.1"


def test_only_where_the_vendor_allows_it_a_server_runs_without_root(helm: Helm) -> None:
    assert pod(helm, "vllm")["securityContext"]["runAsNonRoot"] is True
    assert server(helm, "vllm")["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for case in ("vllm-ascend", "vllm-mlu"):
        assert "runAsNonRoot" not in pod(helm, case)["securityContext"]
        assert server(helm, case)["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod(helm, "vllm", podSecurityContext={"runAsUser": 7})["securityContext"] == {"runAsUser": 7}


@pytest.mark.parametrize(("billions", "seconds"), [(14, 740), (30, 900), (400, 4600), (0.5, 610)])
def test_the_start_up_probe_allows_for_the_models_size(helm: Helm, billions: float, seconds: int) -> None:
    made = deployment(helm, "vllm", model={**CASES["vllm"]["model"], "parametersB": billions})
    (container,) = made["spec"]["template"]["spec"]["containers"]
    probe = container["startupProbe"]
    assert seconds <= probe["periodSeconds"] * probe["failureThreshold"] < seconds + probe["periodSeconds"]
    assert made["spec"]["progressDeadlineSeconds"] > seconds
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_the_time_to_start_can_be_declared(helm: Helm) -> None:
    probe = server(helm, "vllm", startup={"timeoutSeconds": 95})["startupProbe"]
    assert probe["failureThreshold"] == 10


def test_an_engine_without_a_health_route_has_no_probes(helm: Helm) -> None:
    engine = {**CASES["vllm"]["engine"], "health": None}
    assert not [key for key in server(helm, "vllm", engine=engine) if key.endswith("Probe")]


@pytest.mark.parametrize(("drain", "grace"), [(600, 570), (1800, 1770), (30, 45)])
def test_a_stopping_server_has_nearly_as_long_as_a_drain(helm: Helm, drain: int, grace: int) -> None:
    spec = pod(helm, "vllm", drainTimeoutSeconds=drain)
    assert spec["terminationGracePeriodSeconds"] == grace
    words = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert words[:2] == ["python3", "/etc/inference/drain.py"]
    assert words[2:5] == ["http://127.0.0.1:8000/metrics", "15", str(grace - 10)]


def test_what_is_waited_for_is_counted_by_the_engines_own_metrics(helm: Helm) -> None:
    for case, prefix in (("vllm", "vllm"), ("vllm-ascend", "vllm"), ("vllm-omni-video", "vllm_omni")):
        words = server(helm, case)["lifecycle"]["preStop"]["exec"]["command"]
        assert words[5:] == [f"{prefix}:num_requests_running", f"{prefix}:num_requests_waiting"]
    assert server(helm, "own-engine")["lifecycle"]["preStop"] == {"sleep": {"seconds": 15}}


def test_weights_in_an_object_store_are_fetched_before_the_server_starts(helm: Helm) -> None:
    spec = pod(helm, "vllm")
    (fetch,) = spec["initContainers"]
    assert fetch["args"][:3] == ["sync", ":s3:models-cn/doubao-chat", "/models/doubao-chat"]
    variables = {each["name"]: each for each in fetch["env"]}
    assert variables["RCLONE_S3_ENDPOINT"]["value"] == "https://objects.cn-north.test"
    assert variables["RCLONE_S3_PROVIDER"]["value"] == "Other"
    key = variables["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]
    assert key == {"name": "models-reader", "key": "secretAccessKey"}
    assert spec["containers"][0]["args"][0] == "/models/doubao-chat"
    assert volumes(spec)["models"] == {"name": "models", "emptyDir": {}}


@pytest.mark.parametrize(
    ("place", "provider"), [("s3", "AWS"), ("oss", "Alibaba"), ("obs", "HuaweiOBS"), ("cos", "TencentCOS")]
)
def test_the_object_store_is_told_by_its_scheme(helm: Helm, place: str, provider: str) -> None:
    model = {**CASES["vllm-ascend"]["model"], "weights": f"{place}://bucket/model"}
    (fetch,) = pod(helm, "vllm-ascend", model=model)["initContainers"]
    assert {"name": "RCLONE_S3_PROVIDER", "value": provider} in fetch["env"]
    assert fetch["args"][1] == ":s3:bucket/model"


def test_weights_can_be_kept_on_the_host_between_pods(helm: Helm) -> None:
    models = volumes(pod(helm, "vllm-omni-image"))["models"]
    assert models["hostPath"] == {"path": "/srv/models", "type": "DirectoryOrCreate"}


def test_weights_on_a_volume_are_mounted_and_nothing_is_fetched(helm: Helm) -> None:
    spec = pod(helm, "vllm-mlu")
    assert "initContainers" not in spec
    assert volumes(spec)["models"]["hostPath"]["path"] == "/srv/models"
    assert spec["containers"][0]["args"][0] == "/models/doubao-chat"


def test_what_is_no_place_is_left_to_the_engine(helm: Helm) -> None:
    spec = pod(helm, "vllm-ascend", model={"name": "tiny", "weights": "example/tiny"})
    assert "initContainers" not in spec
    assert "models" not in volumes(spec)
    assert spec["containers"][0]["args"][:2] == ["example/tiny", "--served-model-name=tiny"]


def test_jobs_of_video_lie_on_a_volume_that_can_be_shared(helm: Helm) -> None:
    shared = pod(helm, "vllm-omni-video")
    assert volumes(shared)["jobs"]["persistentVolumeClaim"] == {"claimName": "jimeng-jobs"}
    assert {"name": "VLLM_OMNI_SERVER_STORAGE__PATH", "value": "/jobs"} in shared["containers"][0]["env"]
    own = pod(helm, "vllm-omni-video", jobs={"storage": {}, "sizeLimit": "5Gi"})
    assert volumes(own)["jobs"]["emptyDir"] == {"sizeLimit": "5Gi"}
    assert "jobs" not in volumes(pod(helm, "vllm-omni-image"))


def test_arguments_variables_volumes_labels_and_annotations_of_ones_own_are_added(helm: Helm) -> None:
    template = deployment(helm, "vllm-omni-image")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["args"][-1] == "--max-num-seqs=4"
    assert {"name": "LOG_LEVEL", "value": "info"} in container["env"]
    assert {"name": "prompts", "mountPath": "/prompts"} in container["volumeMounts"]
    assert volumes(template["spec"])["prompts"] == {"name": "prompts", "emptyDir": {}}
    assert template["metadata"]["labels"]["team"] == "images"
    assert template["metadata"]["annotations"]["example.test/owner"] == "images"
    assert template["metadata"]["annotations"]["causeway/secret-digest"] == "5f2c"
    assert container["resources"]["requests"] == {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "2"}
    assert container["resources"]["limits"] == {"memory": "128Gi", "nvidia.com/gpu": "2"}


def test_replicas_spread_over_hosts(helm: Helm) -> None:
    (spread,) = pod(helm, "vllm")["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    both = pod(helm, "vllm", topologySpread={"keys": ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]})
    assert len(both["topologySpreadConstraints"]) == 2


def test_a_new_version_asks_for_no_accelerators_beyond_those_declared(helm: Helm) -> None:
    assert deployment(helm, "vllm")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "25%"}


def test_a_new_version_of_the_chart_does_not_by_itself_restart_a_model(helm: Helm) -> None:
    template = deployment(helm, "vllm")["spec"]["template"]
    assert "helm.sh/chart" not in template["metadata"]["labels"]
    assert template["metadata"]["labels"]["causeway/on-drain"] == "shift_traffic"


def test_an_engine_that_the_chart_does_not_know_needs_its_command(helm: Helm) -> None:
    container = server(helm, "own-engine")
    assert (container["command"], container["args"]) == (["tiny-server"], ["--port", "9000"])
    with pytest.raises(Refused, match=r"engine\.command.*tiny-server"):
        deployment(helm, "own-engine", engine={"name": "tiny-server", "api": "chat", "port": 1})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"replicas": -1}, "/replicas"),
        ({"replicas": "two"}, "/replicas"),
        ({"onDrain": "hope"}, "/onDrain"),
        ({"accelerator": {"count": 4}}, "/accelerator"),
        ({"perAccelerator": {"memory": "16 GB"}}, "/perAccelerator/memory"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(helm: Helm, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=f"at '{told}"):
        deployment(helm, "own-engine", **changed)
