"""The sandbox's Kubernetes clusters: a real control plane each, nodes and pods played by kwok and our controller.

`up`, `down` and `status` are the way in; docs/sandbox/clusters.md says what is real and what is played.
"""

from causeway.sandbox.clusters.lifecycle import bytes_needed, down, status, up, wait_ready
from causeway.sandbox.clusters.report import ClusterStatus, NodeStatus

__all__ = ["ClusterStatus", "NodeStatus", "bytes_needed", "down", "status", "up", "wait_ready"]
