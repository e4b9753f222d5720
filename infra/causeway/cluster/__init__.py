"""Helm and the Kubernetes API: rendering, comparing and applying releases; what a rollout asks of nodes."""
