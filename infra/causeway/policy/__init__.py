"""Rules as dated data and pure functions: from a fleet, its catalog, its capacity, its cost and a day to findings.

Neutral templates, not legal advice. Nothing here reads a clock, a network or a host, and missing data never passes.
"""

from causeway.policy.findings import Draft, Finding, Path, Severity, Verdict, blocking

__all__ = ["Draft", "Finding", "Path", "Severity", "Verdict", "blocking"]
