"""``ft.linalg``: NumPy's linear algebra, which dispatches on traced arrays and tensors."""

from numpy.linalg import *  # noqa: F403 - the namespace as a whole
