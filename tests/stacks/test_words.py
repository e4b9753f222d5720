"""What people read of a run: the engine's own words without noise, and each thing once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.automation.events import (
    DiagnosticEvent,
    DiffKind,
    EngineEvent,
    OpType,
    PropertyDiff,
    ResourcePreEvent,
    ResOutputsEvent,
    StepEventMetadata,
    StepEventStateMetadata,
)
from rich.console import Console

from causeway.cli.stack_text import print_changes, print_ends
from causeway.stacks.events import PROTECTED, Gathered
from causeway.stacks.model import Operation, Result, StackReport, Standing, Told
from causeway.stacks.run import Options
from causeway.stacks.workspace import last_line

POOL = "causeway:index:Baseline"


def said(*reports: StackReport) -> str:
    console = Console(width=200, no_color=True, force_terminal=False)
    with console.capture() as captured:
        print_changes(console, reports)
        print_ends(console, reports)
    return captured.get()


def test_the_engine_s_error_is_told_without_what_the_sdk_puts_around_it() -> None:
    assert last_line("\n code: 255\n stdout: \n stderr: error: incorrect passphrase\n") == "incorrect passphrase"
    assert last_line("stderr: warning: old\nerror: the second\n") == "the second"
    assert last_line("") == "the engine said nothing"


def test_what_a_preview_told_is_not_told_again_when_nothing_was_done() -> None:
    told = (Told("error", "", "1 finding keeps this stack from being changed"),)
    log = Path("f.c.preview.log")
    text = said(StackReport("f.c", Operation.PREVIEW, Result.REFUSED, told=told, log=log, only_looked=True))
    assert text.count("1 finding keeps") == 1
    assert "f.c: refused\n" in text
    assert "logs:" not in text


def test_what_a_run_told_is_told_with_what_the_stack_holds_and_the_log() -> None:
    told = (Told("error", "gpu", "no answer"),)
    report = StackReport(
        "f.c", Operation.UP, Result.PARTLY, told=told, log=Path("f.c.up.log"), standing=Standing(1, 2, 1, 0)
    )
    console = Console(width=200, no_color=True, force_terminal=False)
    with console.capture() as captured:
        print_ends(console, [report])
    text = captured.get()
    assert "gpu: no answer" in text
    assert "f.c: partly done; 1 of 2 hosts verified, 1 release" in text
    assert "logs: f.c.up.log" in text


def test_a_dry_destruction_touches_nothing_and_a_run_does() -> None:
    assert Options(Operation.DESTROY, dry=True).only_looks
    assert Options(Operation.PREVIEW).only_looks
    assert not Options(Operation.UP).only_looks
    assert not Options(Operation.DESTROY).only_looks


def test_protected_capacity_is_told_by_its_approval_and_not_by_a_way_round_it() -> None:
    gathered = Gathered()
    text = (
        'Preview failed: resource "urn:x" cannot be deleted\n'
        "because it is protected. To unprotect the resource, ... `pulumi state unprotect 'urn:x'`"
    )
    gathered(
        EngineEvent(
            1,
            1,
            diagnostic_event=DiagnosticEvent(message=text, color="never", severity="error", urn="urn::johor-h200"),
        )
    )
    assert [(each.resource, each.text) for each in gathered.told] == [("johor-h200", PROTECTED)]
    back, approval, up = (PROTECTED.index(words) for words in ("put it back", "policy.approvals", "causeway up"))
    assert back < approval < up, "of what left the declaration no approval can be brought up"
    assert "state unprotect" not in PROTECTED


def test_a_pool_s_summary_is_shown_whole_and_alone_whether_the_pool_is_new_or_changes() -> None:
    line = "12 of 12 hosts: driver 1 -> 2; workloads leave each host; 5 waves, at most 3 out of service at once" * 2
    new = step_state({"summary": line})
    old = step_state({"summary": "12 hosts"})
    difference = {"summary": PropertyDiff(DiffKind.UPDATE, input_diff=True)}
    for operation, before, detailed in ((OpType.CREATE, None, None), (OpType.UPDATE, old, difference)):
        gathered = Gathered()
        step = StepEventMetadata(operation, "urn::gpu", POOL, "p", old=before, new=new, detailed_diff=detailed)
        gathered(EngineEvent(1, 1, resource_pre_event=ResourcePreEvent(step)))
        assert [dict(change.details) for change in gathered.changes] == [{"summary": line}]


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ({"h1": "ok i c", "h2": "out_of_service"}, True),
        ({"h1": "ok i c", "h2": "deferred until the next run: x"}, False),
        ({}, True),
    ],
)
def test_a_run_is_done_when_the_state_calls_every_host_right(states: dict[str, str], *, whole: bool) -> None:
    gathered = Gathered()
    step = StepEventMetadata(OpType.UPDATE, "urn::gpu", POOL, "p", new=step_state({}, {"state": states}))
    gathered(EngineEvent(1, 1, res_outputs_event=ResOutputsEvent(step)))
    assert gathered.whole is whole


def step_state(inputs: dict[str, str], outputs: dict[str, object] | None = None) -> StepEventStateMetadata:
    return StepEventStateMetadata(POOL, "urn::gpu", "id", "", "p", inputs=inputs, outputs=outputs or {}, custom=True)
