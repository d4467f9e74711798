"""The engine: what a primitive, a tracer, a trace and a tape node are."""
