"""Labelled pictures from folders in the layouts that people have."""
