"""The kinds of resources that the provider offers, by type."""

from __future__ import annotations

from collections.abc import Mapping

from causeway.provider import lease
from causeway.provider.model import Kind

KINDS: Mapping[str, Kind] = {lease.TYPE: lease.Lease()}
