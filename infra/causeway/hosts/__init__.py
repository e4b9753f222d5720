"""Hosts: the probe over SSH, Ansible runs, the rollout of a pool, a host's stamp and lock, the journal."""
