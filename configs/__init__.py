"""The strict loader, a leaf, and the scenario files."""
