"""Functions of ``scipy.spatial`` for traced values: `distance`."""

from __future__ import annotations

from functorch_lite.scipy.spatial import distance

__all__ = ["distance"]
