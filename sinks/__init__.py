"""Results to the world: one sink a file, drawing apart from writing."""
