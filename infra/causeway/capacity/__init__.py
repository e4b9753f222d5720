"""Accelerators offered, asked and left; money; shares; the calendar of leases. Decides nothing."""
