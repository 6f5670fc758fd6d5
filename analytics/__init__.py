"""Boxes over time: tracks, crossings, dwell, events. No torch, no OpenCV."""
