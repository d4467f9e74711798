"""The transformations of pure functions."""
