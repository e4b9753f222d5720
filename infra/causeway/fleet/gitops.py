"""GitOps: where Argo CD or Flux find what `causeway render` writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from causeway.fleet.base import Model, Name, Text


class GitOps(Model):
    """The repository that holds the rendered tree, and names in the controllers' clusters."""

    repository: Text
    """URL of the repository, without a password."""
    branch: Text = "main"
    """Branch that the controllers follow."""
    path: Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$")] = ""
    """Folder of the tree in the repository; default its top."""
    namespace: Name | None = None
    """Namespace of the controller's own objects; default `argocd` or `flux-system`."""
    project: Name = "default"
    """Project of Argo CD's applications."""
    credentials: Name | None = None
    """Secret with which Flux reads the repository."""
    secret_store: Name | None = None
    """ClusterSecretStore of External Secrets, for secrets `from: external_secret`."""
