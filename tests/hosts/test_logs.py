"""Which log a host's end names, and that no Ansible run takes the folder of another. On a pool in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from causeway.hosts.model import Bundle, PoolOutcome, RunEnd, TaskEvent
from tests.hosts.world import OLD, FakeHost, FakeTransport, World, go, node, pool, serving, stamp

REFUSED = {
    "site.yml": "mirror-away: no answer; to do: look at it",
    "quiesce.yml": "device-in-use: a process holds it; to do: stop it",
    "wake.yml": "service-failed: it does not start; to do: look at it",
}


class Logging:
    """Ansible that keeps a log for each of its runs, and whose playbooks may refuse before they change anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path, *refusing: str) -> None:
        self.folders: list[str] = []
        self._home, self._refusing, self._run = home, refusing, FakeTransport.run
        # a bound method would not be handed the transport
        monkeypatch.setattr(FakeTransport, "run", lambda *call: self.run(*call))  # noqa: PLW0108

    def run(
        self,
        transport: FakeTransport,
        bundle: Bundle,
        on_event: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> RunEnd:
        """Do as the world's transport does, or refuse."""
        self.folders.append(bundle.run)
        folder = self._home / "runs" / bundle.stack / bundle.run
        if bundle.playbook not in self._refusing:
            return replace(self._run(transport, bundle, on_event, cancelled), artifacts=folder)
        said = REFUSED[bundle.playbook]
        for name in bundle.hosts:
            on_event(TaskEvent(name, "Validate", "t", "failed", said))
        return RunEnd("failed", dict.fromkeys(bundle.hosts, said), {}, dict.fromkeys(bundle.hosts, 0), "", folder)


def logs(outcome: PoolOutcome) -> Mapping[str, str]:
    """The folder of each host's log, without the run's own part."""
    return {each.name: each.log.split("/")[2].split("-", 2)[2] for each in outcome.reports}


@pytest.mark.parametrize(
    ("refusing", "log", "code"),
    [
        (("site.yml",), "p-wave-1", "mirror-away"),
        (("quiesce.yml",), "p-wave-1-quiesce", "device-in-use"),
        (("quiesce.yml", "wake.yml"), "p-wave-1-quiesce", "device-in-use"),
    ],
)
def test_a_failed_host_names_the_log_that_says_why_though_its_services_were_started_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: tuple[str, ...], log: str, code: str
) -> None:
    made = World({"h01": serving("h01")})
    ran = Logging(monkeypatch, tmp_path, *refusing)
    outcome = go(made, pool(made), tmp_path)
    assert outcome.states["h01"].startswith(f"failed {code}: ")
    assert ran.folders[-1].endswith("p-wave-1-wake")
    assert logs(outcome) == {"h01": log}


def test_a_host_whose_services_do_not_start_names_the_log_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = World({"h01": serving("h01")})
    made.hosts["h01"].asleep = True
    Logging(monkeypatch, tmp_path, "wake.yml")
    outcome = go(made, pool(made, OLD), tmp_path)
    assert outcome.states["h01"].startswith("failed service-failed: ")
    assert logs(outcome) == {"h01": "p-wake"}


def test_each_step_of_a_run_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = World(
        {
            "h01": FakeHost(None, node("h01", operands=False, allocatable={})),  # joins
            "h02": FakeHost(stamp("ok new c0", "h02"), node("h02"), {"doubao": 1}),  # only the code is another
            "h03": serving("h03"),
        }
    )
    ran = Logging(monkeypatch, tmp_path)
    outcome = go(made, pool(made), tmp_path)
    assert logs(outcome) == {"h01": "p-join", "h02": "p-same", "h03": "p-wave-1"}
    assert len(set(ran.folders)) == len(ran.folders) == 5


def test_two_runs_of_one_playbook_in_one_step_have_a_folder_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = World({name: serving(name) for name in ("h01", "h02")})
    ran = Logging(monkeypatch, tmp_path, "site.yml")
    quiesce = ran.run

    def first_refused(transport: FakeTransport, bundle: Bundle, *call: Callable[..., object]) -> RunEnd:
        """One host is held in use, the other fails later: each has its services started again."""
        end = quiesce(transport, bundle, *call)  # type: ignore[arg-type] # handed on
        held = {"h01": REFUSED["quiesce.yml"]} if bundle.playbook == "quiesce.yml" else {}
        return replace(end, failed={**end.failed, **held})

    monkeypatch.setattr(FakeTransport, "run", first_refused)
    outcome = go(made, pool(made, canary=2, max_unavailable=2, failure_budget=2), tmp_path)
    woken = [folder for folder in ran.folders if "wake" in folder]
    assert [folder.split("-", 2)[2] for folder in woken] == ["p-wave-1-wake", "p-wave-1-wake-2"]
    assert logs(outcome) == {"h01": "p-wave-1-quiesce", "h02": "p-wave-1"}
