"""The declaration: its models, loading with line and column, checks of references, JSON Schema and migrations.

Nothing here reads a host, a cluster or a clock.
"""
