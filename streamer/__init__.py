"""Frames, time and threads. Knows no box and imports no torch."""
