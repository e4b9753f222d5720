"""What the controller decides, without any cluster."""

from __future__ import annotations

from causeway.sandbox.clusters.controller.decide import Memory, Resource, after_reboot, decide, holders
from causeway.sandbox.clusters.controller.state import Holder, HostState, Pod, pod_from, whole
from causeway.sandbox.spec import NodeSpec

GPU = "nvidia.com/gpu"
NODE = NodeSpec("h20-01", "h20-01", resource=GPU, count=8, vendor="nvidia")
UP = HostState(running=True, boot="1", healthy=8)


def pod(name: str = "p", **changes: object) -> Pod:
    values: dict[str, object] = {
        "uid": name,
        "namespace": "default",
        "name": name,
        "node": "h20-01",
        "phase": "Running",
        "accepted": True,
        "running": True,
        "deleting": False,
        "restart_policy": "Always",
        "component": "",
        "vendor": "",
        "offers": (),
        "requests": {},
        "behaviour": "",
        "log": "",
    }
    return Pod(**(values | changes))  # type: ignore[arg-type]  # the keys are the field names


PLUGIN = pod("plugin", component="device-plugin", vendor="nvidia")


def test_a_node_offers_nothing_without_a_plugin() -> None:
    assert decide(NODE, UP, [], Memory()).resources == ()


def test_a_node_offers_nothing_without_a_driver_though_the_plugin_runs() -> None:
    assert decide(NODE, HostState(running=True, boot="1", healthy=0), [PLUGIN], Memory()).resources == ()


def test_plugin_and_driver_together_offer_the_healthy_accelerators() -> None:
    seven = HostState(running=True, boot="1", healthy=7, reason="device 3: lost")
    found = decide(NODE, seven, [PLUGIN], Memory())
    assert found.resources == (Resource(GPU, 8, 7),)
    assert "device 3: lost" in found.message


def test_the_plugin_of_another_vendor_offers_nothing() -> None:
    other = pod(component="device-plugin", vendor="huawei")
    assert decide(NODE, UP, [other], Memory()).resources == ()


def test_a_plugin_that_crashes_or_is_being_deleted_offers_nothing() -> None:
    crashing = pod(component="device-plugin", vendor="nvidia", running=False)
    leaving = pod(component="device-plugin", vendor="nvidia", deleting=True)
    assert decide(NODE, UP, [crashing, leaving], Memory()).resources == ()


def test_a_plugin_names_its_own_resources_by_annotation() -> None:
    typed = pod(component="device-plugin", vendor="nvidia", offers=("nvidia.com/gpu.shared",))
    assert decide(NODE, UP, [typed], Memory()).resources == (Resource("nvidia.com/gpu.shared", 8, 8),)


def test_a_plugin_that_left_leaves_its_resource_behind_with_nothing_to_allocate() -> None:
    found = decide(NODE, UP, [], Memory("1", frozenset({GPU})))
    assert found.resources == (Resource(GPU, 8, 0),)
    assert found.gone == ()


def test_a_reboot_makes_the_node_not_ready_for_a_look_and_forgets_what_was_offered() -> None:
    again = HostState(running=True, boot="2", healthy=8)
    found = decide(NODE, again, [PLUGIN], Memory("1", frozenset({GPU})))
    assert (found.rebooted, found.ready, found.heartbeat) == (True, False, True)
    assert found.gone == (GPU,)
    assert found.resources == (), "the plugin of the boot before has ended"
    after = decide(NODE, again, [], found.memory)
    assert (after.rebooted, after.ready, after.resources) == (False, True, ())


def test_the_first_sight_of_a_host_is_no_reboot() -> None:
    assert not decide(NODE, UP, [], Memory()).rebooted


def test_a_host_that_is_down_has_no_heartbeat_and_keeps_its_memory() -> None:
    found = decide(NODE, HostState(running=False), [PLUGIN], Memory("1", frozenset({GPU})))
    assert (found.ready, found.heartbeat, found.memory) == (False, False, Memory("1", frozenset({GPU})))


def test_after_a_reboot_pods_with_devices_fail_and_others_start_again() -> None:
    pods = [
        pod("with", requests={GPU: 1}),
        pod("without"),
        pod("once", restart_policy="Never"),
        pod("done", phase="Succeeded"),
        pod("leaving", deleting=True),
        pod("new", accepted=False),
    ]
    found = {entry.pod.name: (entry.action, entry.reason) for entry in after_reboot(pods, frozenset({GPU}))}
    assert found == {
        "with": ("fail", "UnexpectedAdmissionError"),
        "without": ("restart", ""),
        "once": ("fail", "Terminated"),
    }


DEVICES = tuple(f"/dev/nvidia{index}" for index in range(8))


def test_each_pod_with_accelerators_holds_devices_of_its_own() -> None:
    pods = [pod("a", requests={GPU: 2}), pod("b", requests={GPU: 4}), PLUGIN]
    found = {entry.unit: entry.devices for entry in holders(NODE, UP, pods, [], DEVICES, "/dev/nvidiactl")}
    assert found == {
        "sandbox-hold-a": DEVICES[:2],
        "sandbox-hold-b": DEVICES[2:6],
        "sandbox-hold-plugin": ("/dev/nvidiactl",),
    }


def test_a_holder_that_runs_keeps_its_devices_and_a_new_one_gets_the_free() -> None:
    held = [Holder("sandbox-hold-b", DEVICES[0:4])]
    pods = [pod("a", requests={GPU: 2}), pod("b", requests={GPU: 4})]
    found = {entry.unit: entry.devices for entry in holders(NODE, UP, pods, held, DEVICES, None)}
    assert found == {"sandbox-hold-b": DEVICES[0:4], "sandbox-hold-a": DEVICES[4:6]}


def test_nothing_is_held_for_pods_that_leave_or_without_device_files() -> None:
    assert holders(NODE, UP, [pod(requests={GPU: 2}, deleting=True)], [], DEVICES, None) == ()
    assert holders(NODE, UP, [pod(requests={GPU: 2}), PLUGIN], [], (), None) == ()
    assert holders(NODE, HostState(running=False), [pod(requests={GPU: 2})], [], DEVICES, None) == ()


def test_a_pod_is_read_from_its_api_object() -> None:
    found = pod_from(
        {
            "metadata": {
                "uid": "u",
                "namespace": "n",
                "name": "p",
                "labels": {"app.kubernetes.io/component": "exporter", "causeway/vendor": "huawei"},
                "annotations": {"causeway/resources": "a/b, c/d"},
            },
            "spec": {
                "nodeName": "node",
                "containers": [
                    {"resources": {"limits": {"cpu": "2", GPU: "2"}}},
                    {"resources": {"limits": {GPU: "1"}}},
                    {},
                ],
            },
            "status": {"phase": "Running", "startTime": "x", "containerStatuses": [{"state": {"running": {}}}]},
        }
    )
    assert (found.component, found.vendor, found.offers) == ("exporter", "huawei", ("a/b", "c/d"))
    assert (found.requests, found.running, found.accepted, found.deleting) == ({GPU: 3}, True, True, False)


def test_a_quantity_that_is_no_number_counts_as_none() -> None:
    assert [whole(text) for text in ("4", 4, "4.0", "nonsense")] == [4, 4, 4, 0]
