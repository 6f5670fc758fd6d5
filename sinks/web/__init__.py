"""Results in a browser: a page for people, an overlay for OBS, JSON and metrics for machines."""
