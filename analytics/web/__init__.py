"""What every server of ours stands behind: who may look, and how much a stranger may send."""
