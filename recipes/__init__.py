"""What made the shipped things: run from a clone, not in the wheel."""
