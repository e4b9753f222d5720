"""Cambricon's stand-ins: cnmon and what its driver shows in /proc."""
