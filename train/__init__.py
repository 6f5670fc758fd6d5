"""Data, targets, losses, loop and evaluation; stands on detector only."""
