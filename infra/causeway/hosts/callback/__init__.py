"""Plugins that Ansible itself loads from this folder."""
