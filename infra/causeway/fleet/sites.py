"""Sites: where capacity stands, who owns and operates it, and how its hosts are reached."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from causeway.fleet.base import Country, Flag, Model, Name, Text

Tenure = Literal["owned", "leased", "cloud"]
DataClass = Name


class Mirrors(Model):
    """Where a site's hosts and clusters fetch from. Nothing is fetched from anywhere else."""

    packages: Text | None = None
    """Base URL of the mirror of driver and operating-system packages."""
    images: Text | None = None
    """Registry of container images, host and optional path, without a scheme."""


class Ssh(Model):
    """How the hosts of a site are reached. What is null is decided by the user's own SSH configuration."""

    user: Text | None = None
    """Login name."""
    become: Flag = True
    """Whether `sudo` is used for what needs root."""
    port: Annotated[int, Strict(), Field(ge=1, le=65535)] | None = None
    """TCP port."""
    proxy_jump: Text | None = None
    """Jump host, as in OpenSSH's ProxyJump."""
    known_hosts: Text | None = None
    """File of known host keys. Keys are always checked."""
    identity: Text | None = None
    """Path of the private key. Its content never enters the declaration."""


class Site(Model):
    """A place with capacity of one tenure."""

    country: Country
    """Country in which the hosts stand."""
    tenure: Tenure
    """`owned`, `leased` (hosts of a third party, reached over SSH) or `cloud` (a rented cluster without its hosts)."""
    owner: Name | None = None
    """Party that owns the hosts. Required; its absence is told together with everything else."""
    operator: Name | None = None
    """Party that operates the hosts. Required, as `owner`."""
    time_zone: Text
    """IANA time zone, in which maintenance windows are read."""
    data_classes: tuple[DataClass, ...] = ()
    """Classes of data that may be stored and processed here."""
    mirrors: Mirrors = Mirrors()
    """Package mirror and image registry."""
    ssh: Ssh = Ssh()
    """How hosts are reached; a cloud site has none."""
    state_backend: Text | None = None
    """Pulumi state backend of this site's stacks; default the project's."""
    secrets_provider: Text | None = None
    """Pulumi secrets provider of this site's stacks; default the project's."""
