"""Joins what is declared with what was and what is: git revisions, and later the engine's previews."""
