"""Commands, their output and exit statuses. Logic that a test would want to call lives in the other packages."""
