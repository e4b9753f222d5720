"""Pulumi stacks, several at once: workspace, locks, engine runs and what they tell, for `causeway up` and its kin."""
