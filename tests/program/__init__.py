"""Tests of `jit` and of programs."""
