"""Host ranges mean what Ansible makes of them, and are counted before they are expanded."""

from __future__ import annotations

import pytest

from causeway.fleet.ranges import RangeProblem, is_dns_name, parse_range


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("host", ["host"]),
        ("a-[1:3]", ["a-1", "a-2", "a-3"]),
        ("a-[08:11]", ["a-08", "a-09", "a-10", "a-11"]),
        ("a-[8:11]", ["a-8", "a-9", "a-10", "a-11"]),
        ("a-[:2]", ["a-0", "a-1", "a-2"]),
        ("a-[00:06:3]", ["a-00", "a-03", "a-06"]),
        ("a-[1:6:4]", ["a-1", "a-5"]),
        ("r[a:c]", ["ra", "rb", "rc"]),
        ("r[a:e:2]", ["ra", "rc", "re"]),
        ("r[a:b]-[01:02].x", ["ra-01.x", "ra-02.x", "rb-01.x", "rb-02.x"]),
        ("a-[01:01]", ["a-01"]),
    ],
)
def test_a_range_expands_as_in_ansible(pattern: str, names: list[str]) -> None:
    found = parse_range(pattern)
    assert found.names() == names
    assert found.count == len(names)
    assert found.ends() == (names[0], names[-1])


def test_it_agrees_with_ansible_itself() -> None:
    inventory = pytest.importorskip("ansible.plugins.inventory", reason="ansible-core is not installed")
    for pattern in ("a-[01:16]", "a[0:30:10]", "rack-[a:f]-[1:4]", "x[098:101]y", "h[7:7]"):
        assert parse_range(pattern).names() == inventory.expand_hostname_range(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["a-[1:]", "a-[1]", "a-[1:2:3:4]", "a-[2:1]", "a-[1:2:0]", "a-[01:100]", "a-[1:b]", "a-[b:a]", "a-[1:2", "a]", "",
     "-a", "a_b", "A[1:2]", "a-[A:C]", "a-[a:C]", "a b", "a,b", "[1:2][1:2][1:2][1:2][1:2]", "x" * 64,
     "a-[0000000001:1000000000]", "a-[\u0661:\u0663]"],
)  # fmt: skip
def test_a_wrong_range_is_told_with_what_to_do(pattern: str) -> None:
    with pytest.raises(RangeProblem) as caught:
        parse_range(pattern)
    assert str(caught.value)
    assert caught.value.hint


def test_a_range_of_a_quintillion_hosts_is_only_counted() -> None:
    assert parse_range("a[0:999999999]-[0:999999999]").count == 10**18


@pytest.mark.parametrize("name", ["a", "a-1", "a.b.example", "x" * 63, "1"])
def test_dns_names_are_accepted(name: str) -> None:
    assert is_dns_name(name)


@pytest.mark.parametrize("name", ["", "a.", ".a", "a..b", "A", "a-", "x" * 64, "a\n", ("x" * 63 + ".") * 4 + "x"])
def test_other_names_are_not(name: str) -> None:
    assert not is_dns_name(name)
