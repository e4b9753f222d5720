"""`templates/job.yaml`: whole hosts, how they find each other, and what happens when one has to leave."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Object, Refused, load

pytestmark = pytest.mark.tools
CASES = CHARTS / "training" / "ci"
NCCL, HCCL, QUEUE = (load(CASES / f"{name}-values.yaml") for name in ("nccl", "hccl", "queue"))


def job(helm: Helm, values: dict[str, Any], **changed: Any) -> Object:
    return helm.render("training", values | changed, name="run", template="job.yaml").one("Job")


def pod(document: Object) -> Object:
    spec: Object = document["spec"]["template"]["spec"]
    return spec


def training(document: Object) -> Object:
    (container,) = pod(document)["containers"]
    assert isinstance(container, dict)
    return container


def steps(document: Object) -> list[str]:
    return [container["name"] for container in pod(document).get("initContainers", [])]


def environment(document: Object) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in training(document)["env"]}


def test_a_job_takes_whole_hosts_of_its_pool_with_all_their_accelerators(helm: Helm) -> None:
    found = job(helm, NCCL)
    spec = found["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert training(found)["resources"]["limits"] == {"nvidia.com/gpu": 8}
    assert pod(found)["runtimeClassName"] == "nvidia"
    assert pod(found)["nodeSelector"] == {"causeway/pool": "h20"}
    (apart,) = pod(found)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    labels = spec["template"]["metadata"]["labels"]
    assert apart["labelSelector"]["matchLabels"].items() <= labels.items()
    assert (labels["causeway/vendor"], labels["causeway/accelerator"]) == ("nvidia", "h200-sxm")


def test_torchrun_finds_hosts_and_processes_with_nccl(helm: Helm) -> None:
    found = job(helm, NCCL)
    env, name = environment(found), found["metadata"]["name"]
    assert env["DIST_BACKEND"] == "nccl"
    assert (env["PET_NNODES"], env["PET_NPROC_PER_NODE"], env["PET_RDZV_BACKEND"]) == ("2", "8", "c10d")
    assert env["MASTER_ADDR"] == f"{name}-0.{pod(found)['subdomain']}"
    assert (env["PET_RDZV_ENDPOINT"], env["PET_RDZV_ID"]) == ("$(MASTER_ADDR):$(MASTER_PORT)", name)
    assert "RANK_TABLE_FILE" not in env
    assert steps(found) == ["window"]


def test_ranks_go_by_the_jobs_index_where_hccl_gets_a_table(helm: Helm) -> None:
    found = job(helm, HCCL)
    env = environment(found)
    assert env["DIST_BACKEND"] == "hccl"
    assert (env["PET_RDZV_BACKEND"], env["PET_NODE_RANK"]) == ("static", "$(NODE_RANK)")
    assert "PET_RDZV_ENDPOINT" not in env
    table = next(c for c in pod(found)["initContainers"] if c["name"] == "rank-table")
    given = {entry["name"]: entry.get("value") for entry in table["env"]}
    assert given["TABLE"] == env["RANK_TABLE_FILE"]
    assert given["MASTER"] == env["MASTER_ADDR"]
    assert (given["HOSTS"], given["DEVICES"]) == ("2", "8")
    mounts = {m["name"]: m["mountPath"] for m in training(found)["volumeMounts"]}
    assert env["RANK_TABLE_FILE"].startswith(mounts["run"])


@pytest.mark.parametrize(
    ("changed", "made"),
    [
        ({}, True),
        ({"hosts": 1}, False),
        ({"hosts": 1, "rankTable": {"enabled": True}}, True),
        ({"rankTable": {"enabled": False}}, False),
        ({"accelerator": HCCL["accelerator"] | {"name": "ascend-910c"}}, False),
        ({"accelerator": NCCL["accelerator"]}, False),
    ],
)
def test_a_table_of_ranks_is_made_for_several_hosts_of_chips_whose_table_is_of_version_1(
    helm: Helm, changed: dict[str, Any], *, made: bool
) -> None:
    found = job(helm, HCCL, **changed)
    assert ("rank-table" in steps(found)) is made
    assert ("RANK_TABLE_FILE" in environment(found)) is made
    assert ("hccn" in [volume["name"] for volume in pod(found)["volumes"]]) is made
    assert environment(found)["PET_RDZV_BACKEND"] == ("static" if made else "c10d")


def test_every_variable_is_defined_before_another_uses_it(helm: Helm) -> None:
    for values in (NCCL, HCCL, QUEUE):
        seen: set[str] = set()
        for entry in training(job(helm, values))["env"]:
            used = {part.split(")")[0] for part in entry.get("value", "").split("$(")[1:]}
            assert used <= seen, entry
            seen.add(entry["name"])


def test_only_rdma_may_pin_memory(helm: Helm) -> None:
    assert training(job(helm, NCCL))["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}
    plain = training(job(helm, NCCL, fabric={"kind": "ethernet"}))["securityContext"]
    assert plain["capabilities"] == {"drop": ["ALL"]}


def test_the_job_runs_as_no_root_and_only_the_step_that_reads_roots_file_is_root(helm: Helm) -> None:
    found = job(helm, HCCL)
    assert pod(found)["securityContext"]["runAsNonRoot"] is True
    rooted = {c["name"]: c["securityContext"].get("runAsUser") for c in pod(found)["initContainers"]}
    assert rooted == {"window": None, "rank-table": 0}
    assert training(found)["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_checkpoint_is_asked_for_in_the_time_that_a_drain_gives(helm: Helm) -> None:
    found = job(helm, NCCL, drainTimeoutSeconds=900)
    assert training(found)["lifecycle"]["preStop"]["exec"]["command"] == ["sh", "/opt/training/checkpoint.sh"]
    assert pod(found)["terminationGracePeriodSeconds"] == 885
    assert environment(found)["CHECKPOINT_TIMEOUT_SECONDS"] == "870"
    own = training(job(helm, QUEUE))["lifecycle"]["preStop"]["exec"]["command"]
    assert own == ["/usr/bin/save-checkpoint", "--wait"]


@pytest.mark.parametrize("on_drain", ["wait_for_end", "refuse", "shift_traffic"])
def test_no_checkpoint_is_asked_for_where_the_workload_wants_none(helm: Helm, on_drain: str) -> None:
    found = job(helm, NCCL, onDrain=on_drain)
    assert "lifecycle" not in training(found)
    assert "CHECKPOINT_REQUEST_FILE" not in environment(found)
    assert found["spec"]["template"]["metadata"]["annotations"]["causeway/on-drain"] == on_drain


def test_a_drained_or_lost_host_does_not_count_as_a_failure(helm: Helm) -> None:
    for values in (NCCL, HCCL, QUEUE):
        first = job(helm, values)["spec"]["podFailurePolicy"]["rules"][0]
        assert first == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_a_day_outside_the_window_ends_a_pod_and_after_the_window_the_job(helm: Helm) -> None:
    rules = job(helm, NCCL)["spec"]["podFailurePolicy"]["rules"][1:]
    assert [(rule["action"], rule["onExitCodes"]["values"]) for rule in rules] == [("Ignore", [75]), ("FailJob", [76])]
    assert {rule["onExitCodes"]["containerName"] for rule in rules} == {"window"}
    assert steps(job(helm, QUEUE)) == []
    assert len(job(helm, QUEUE)["spec"]["podFailurePolicy"]["rules"]) == 1


@pytest.mark.parametrize(
    ("days", "place"),
    [
        ({"startsOn": "2027-07-01"}, r"endsOn: the job would end on 2027-06-30"),
        ({"startsOn": "2027-01-01", "lastSchedulingDay": "2026-12-31"}, "startsOn: the lease takes nothing new"),
        ({"endsOn": "2027-02-30"}, "endsOn: there is no day 2027-02-30"),
        ({"endsOn": "soon"}, "/endsOn"),
        ({"hosts": 0}, "/hosts"),
        ({"onDrain": "run_away"}, "/onDrain"),
        ({"fabric": {"kind": "token-ring"}}, "/fabric/kind"),
    ],
)
def test_a_value_that_cannot_work_is_refused_where_it_stands(helm: Helm, days: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused, match=place):
        job(helm, NCCL, **days)


@pytest.mark.parametrize(("suspend", "said"), [(None, None), (True, True), (False, False)])
def test_suspension_is_said_only_where_it_is_declared(helm: Helm, *, suspend: bool | None, said: bool | None) -> None:
    assert job(helm, NCCL, suspend=suspend)["spec"].get("suspend") is said


def test_a_queue_is_named_and_owns_the_suspension(helm: Helm) -> None:
    found = job(helm, QUEUE)
    assert found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"
    assert "suspend" not in found["spec"]


def test_what_kubernetes_lets_nobody_change_makes_a_new_job_and_nothing_else_does(helm: Helm) -> None:
    name = job(helm, NCCL)["metadata"]["name"]
    same: list[dict[str, Any]] = [{"endsOn": "2027-07-31"}, {"suspend": True}, {"backoffLimit": 3}, {"hosts": 2}]
    for changed in same:
        assert job(helm, NCCL, **changed)["metadata"]["name"] == name, changed
    other: list[dict[str, Any]] = [
        {"run": 2},
        {"image": "b:1"},
        {"secretDigest": "1"},
        {"hosts": 3},
        {"env": {"A": "1"}},
    ]
    for changed in other:
        assert job(helm, NCCL, **changed)["metadata"]["name"] != name, changed


def test_names_leave_room_for_what_kubernetes_appends(helm: Helm) -> None:
    found = helm.render("training", NCCL, name="a" * 53)
    for document in found.objects:
        room = {"Job": 58, "CronJob": 52}.get(document["kind"], 63)
        assert len(document["metadata"]["name"]) <= room, document["kind"]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("", "registry.my-johor.test/training-nvidia:site-default"),
        ("team/train:1", "registry.my-johor.test/team/train:1"),
        ("registry.test/train:1", "registry.test/train:1"),
    ],
)
def test_an_image_comes_from_the_sites_mirror_unless_it_names_a_registry(helm: Helm, image: str, found: str) -> None:
    assert training(job(helm, NCCL, image=image))["image"] == found
