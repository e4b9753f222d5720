"""Addresses of the fabric."""
