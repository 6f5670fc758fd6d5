"""Labels for one's own recordings, from a stronger detector."""
