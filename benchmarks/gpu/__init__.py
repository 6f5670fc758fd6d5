"""What only a GPU can answer, measured in one run."""
