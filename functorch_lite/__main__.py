"""The command ``python -m functorch_lite``."""

from functorch_lite.program.command import main

if __name__ == "__main__":
    raise SystemExit(main())
