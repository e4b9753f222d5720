"""A lease, over gRPC: what its diff says, and that it is given up only with an approval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from causeway.provider import lease
from causeway.provider.protocol import provider
from tests.provider.grpc_client import Client, running

LEASE: dict[str, Any] = {
    "lease": "johor",
    "site": "my-johor",
    "accelerator": "h200-sxm",
    "quantity": 16,
    "share": 8,
    "start": "2026-10-01",
    "end": "2028-09-30",
    "price": "2.40 USD per accelerator hour",
    "protection": {"subject": "johor", "why": "leased capacity", "approvals": []},
}
APPROVAL = {"operation": "destroy", "approvedBy": "operations", "expires": "2026-11-22"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running({lease.TYPE: lease.Lease()}, tmp_path) as made:
        yield made


@pytest.fixture
def urn(client: Client) -> str:
    return client.urn(lease.TYPE, "johor")


def test_a_lease_that_did_not_change_has_no_diff(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    made = client.create(urn, inputs)
    answer = client.diff(urn, inputs, made.outputs, client.checked(urn, LEASE, inputs))
    assert answer.changes == provider.DiffResponse.DIFF_NONE
    assert not answer.detailedDiff


def test_a_changed_end_is_one_line_of_the_diff(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    answer = client.diff(urn, inputs, inputs, client.checked(urn, {**LEASE, "end": "2029-09-30"}, inputs))
    assert list(answer.detailedDiff) == ["end"]
    assert answer.detailedDiff["end"].inputDiff
    assert not answer.replaces


@pytest.mark.parametrize(
    ("changed", "wrong"), [({"end": "soon"}, "end"), ({"share": 17}, "share"), ({"site": None}, "site")]
)
def test_a_wrong_lease_is_refused_with_the_property_that_is_wrong(
    client: Client, urn: str, changed: dict[str, Any], wrong: str
) -> None:
    assert [failure.property for failure in client.check(urn, LEASE | changed).failures] == [wrong]


def test_a_lease_is_given_up_only_with_an_approval(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    with pytest.raises(grpc.RpcError) as refused:
        client.delete(urn, inputs, inputs)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "[approval-missing] lease johor: it is leased capacity" in refused.value.details()
    told = refused.value.details() or ""
    assert told.index("put that back into the declaration") < told.index("policy.approvals") < told.index("causeway up")


def test_an_approval_counts_until_the_end_of_its_last_day(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE | {"protection": LEASE["protection"] | {"approvals": [APPROVAL]}})
    client.delete(urn, inputs, inputs)
    client.configure(asOf="2026-11-23")
    with pytest.raises(grpc.RpcError, match="the approval of operations ended on 2026-11-22"):
        client.delete(urn, inputs, inputs)


def test_another_lease_replaces_the_resource_and_needs_an_approval_to_replace(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    other = client.checked(urn, {**LEASE, "lease": "other"}, inputs)
    with pytest.raises(grpc.RpcError, match="no approval to replace it counts"):
        client.diff(urn, inputs, inputs, other)
    approval = {**APPROVAL, "operation": "replace"}
    allowed = {**inputs, "protection": LEASE["protection"] | {"approvals": [approval]}}
    assert list(client.diff(urn, allowed, inputs, other).replaces) == ["lease"]


def test_state_of_a_newer_version_is_refused_with_what_to_do(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    with pytest.raises(grpc.RpcError, match="use the version of Causeway that wrote it, or a newer one"):
        client.diff(urn, inputs | {"schema": 99}, inputs, inputs)


def test_state_without_a_number_is_read_as_the_oldest(client: Client, urn: str) -> None:
    inputs = client.checked(urn, LEASE)
    older = {name: value for name, value in inputs.items() if name != "schema"}
    assert client.diff(urn, older, older, inputs).changes == provider.DiffResponse.DIFF_NONE


def test_a_day_that_is_none_is_refused_when_the_provider_is_configured(client: Client) -> None:
    with pytest.raises(grpc.RpcError, match="causeway:asOf is 'tomorrow'"):
        client.configure(asOf="tomorrow")


def test_what_the_provider_does_not_offer_is_unimplemented(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        client.stub.Invoke(provider.InvokeRequest(tok="causeway:index:x"))
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_type_is_refused(client: Client) -> None:
    with pytest.raises(grpc.RpcError, match="there is no resource causeway:index:Wrong"):
        client.check(client.urn("causeway:index:Wrong", "x"), {})
