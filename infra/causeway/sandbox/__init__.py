"""The sandbox: Debian hosts, a package mirror and Kubernetes control planes of one fleet, on one machine.

`lifecycle` is the way in. `spec` says what a fleet's sandbox holds, `layout` where its files lie.
"""
