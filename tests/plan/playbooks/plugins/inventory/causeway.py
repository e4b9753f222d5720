"""The inventory, which runs on no host."""
