"""Offline: reading, splitting, training, evaluating, simulating."""
