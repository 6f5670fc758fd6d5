"""A small CenterNet taught by published detectors: preparing, teaching, measuring, shipping."""
