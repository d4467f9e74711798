"""Programs: what `jit` makes of functions, shows, optimises and compiles to NumPy source."""
