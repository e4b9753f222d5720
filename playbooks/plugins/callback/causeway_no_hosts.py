"""Ends Ansible with status 1 where a play is left without hosts, which it would skip and call a success."""

from __future__ import annotations

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: causeway_no_hosts
type: aggregate
short_description: A play without hosts is an error
description:
  - Ansible skips a play whose hosts the inventory or C(--limit) does not have, and ends well. Each of Causeway's plays
    concerns all hosts in service, so none left means that nothing was done.
  - Works from the folder alone (C(callback_plugins)); it has no options.
"""


class CallbackModule(CallbackBase):
    """The callback plugin that Ansible loads by its file's name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "causeway_no_hosts"

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """End it. Any error but this one would only be a warning."""
        self._display.error(
            "no-hosts: this play has no host to work on: the inventory is empty, or what --limit leaves is out of "
            "service\n  to do: name a fleet with hosts, and see `state` of these hosts under `host_overrides`",
            wrap_text=False,
        )
        raise SystemExit(1)
