"""The work that is measured, one module each, with ``measure(seconds) -> list of tables``."""
