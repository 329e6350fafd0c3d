"""Published checkpoints and the shipped teaching net: find, verify, rename, load."""
