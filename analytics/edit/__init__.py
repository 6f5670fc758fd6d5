"""Lines and zones drawn on a picture with the mouse: `python -m analytics.edit clip.mp4`."""
