"""What code in PyTorch's style asks of tensors, answered by the tracers of the functional transformations."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from functorch_lite.calculus.creation import copied
from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.trace import ClosedTrace, Tracer
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["TRACED", "clone_of", "detached"]


def detach(x: Any) -> Any:
    """Return the value without its derivative."""
    return stop_gradient(x)


def numpy(x: Any, *, force: bool = False) -> NoReturn:
    """Refuse: a traced value is no raw array."""
    x._trace.touch("numpy() was asked") if isinstance(x._trace, ClosedTrace) else None
    raise TracerConversionError(
        f"numpy() of a traced {x._described()} at {user_line()} under {x._trace.transformation}: there is no raw array "
        f"of it. NumPy's functions take it as it is: leave .numpy() out. Under jit x.detach() of a tensor that the "
        f"function closes over is traced too, as its value is read at each call."
    )


def clone(x: Any) -> Any:
    """Return the value: it never changes."""
    return copied(x)


def requires_grad_(x: Any, requires_grad: bool = True) -> Any:
    """Return the value, whose derivatives the transformation takes anyway; without them if asked."""
    return x if requires_grad else stop_gradient(x)


def adjoints(x: Any) -> Any:
    """Return the array with its last two axes exchanged, conjugated.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([[1j, 2.0]]).mH
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return np.conjugate(np.swapaxes(x, -1, -2))


def adjoint_matrix(x: Any) -> Any:
    """Return the adjoint of a matrix; of more axes `ValueError` is raised.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([[1j, 2.0]]).H
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    if x.ndim not in (0, 2):
        raise ValueError(f"H at {user_line()} is of matrices, not of shape {x.shape}; write x.mH")
    return np.conjugate(x.T)


def is_cpu(x: Any) -> bool:
    """Whether the values are in main memory, as they all are.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).is_cpu
    True
    """
    return True


def is_cuda(x: Any) -> bool:
    """Whether the values are on a graphics card; none are.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).is_cuda
    False
    """
    return False


def is_sparse(x: Any) -> bool:
    """Whether zeros are left out of memory; they never are.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).is_sparse
    False
    """
    return False


def clone_of(x: Any) -> Any:
    """Return a copy of an array, with memory of its own and the history of what is traced.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.ones(2, requires_grad=True)
    >>> ft.clone(x) is x, ft.clone(x).requires_grad
    (False, True)
    """
    return copied(x)


def detached(x: Any) -> Any:
    """Return an array without its derivative; a tensor shares its memory.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.detach(ft.ones(2, requires_grad=True)).requires_grad
    False
    """
    return x.detach() if isinstance(x, Tracer) else x  # type: ignore[attr-defined]


#: Methods and properties by name.
TRACED: dict[str, Any] = {
    "detach": detach,
    "clone": clone,
    "numpy": numpy,
    "requires_grad_": requires_grad_,
    "data": property(stop_gradient, doc="The value without its derivative."),
    "requires_grad": property(lambda x: True, doc="Whether a derivative is taken: a transformation is watching."),
    "H": property(adjoint_matrix),
    "mH": property(adjoints),
    "is_cpu": property(is_cpu),
    "is_cuda": property(is_cuda),
    "is_sparse": property(is_sparse),
    "is_leaf": property(lambda x: False, doc="Whether the user made the value: a transformation did."),
}
