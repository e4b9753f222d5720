"""Used by nobody."""
