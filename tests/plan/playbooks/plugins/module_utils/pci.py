"""PCI devices."""
