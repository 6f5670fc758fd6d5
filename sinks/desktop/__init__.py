"""Annotations laid over the desktop itself."""
