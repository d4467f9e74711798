"""Derivatives of functions of tensors, in the form of ``torch.autograd.functional``.

The functions under differentiation get tensors and may use the whole object style. Results are detached unless
``create_graph`` is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.engine import grad
from functorch_lite.tensor.grad_mode import enable_grad
from functorch_lite.transforms import forward, hessians, jacobians

__all__ = ["derivative", "hessian", "higher_order_grad", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = True,
    strategy: str = "reverse-mode",
) -> Any:
    """Compute the Jacobian of a function of tensors.

    Parameters
    ----------
    func
        A function of tensors that returns a tensor or a tuple of them.
    inputs
        A tensor or a tuple of them.
    create_graph
        Whether the result can be differentiated.
    strict
        Whether an output that does not depend on an input raises; else its Jacobian is zeros.
    vectorize
        Accepted for PyTorch's sake: all rows are always computed at once.
    strategy
        ``"reverse-mode"`` or ``"forward-mode"``.

    Returns
    -------
    Tensor, or tuples of them
        Of shape ``output.shape + input.shape``; a tuple over outputs of tuples over inputs where there are tuples.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.jacobian(lambda x: x**2, ft.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    xs, single = _prepared(inputs, create_graph)
    if strategy == "forward-mode":
        with enable_grad():
            columns = jacobians.jacfwd(func, tuple(range(len(xs))))(*xs)
        return _returned(_unpacked(columns, single), create_graph)
    if strategy != "reverse-mode":
        raise ValueError(f"strategy is 'reverse-mode' or 'forward-mode', not {strategy!r}")
    outputs, single_output = _called(func, xs)
    rows = []
    for y in outputs:
        if y.node is None:
            _refuse_strict(strict, "the output does not require grad: it does not depend on any input")
            rows.append(tuple(constant(np.zeros((*y.shape, *x.shape), x.dtype)) for x in xs))
            continue
        basis = np.eye(int(y.size), dtype=y.dtype).reshape(int(y.size), *y.shape)
        if not y.size:
            rows.append(tuple(constant(np.zeros((*y.shape, *x.shape), x.dtype)) for x in xs))
            continue
        found = grad(y, xs, basis, True, create_graph, allow_unused=True, is_grads_batched=True)
        rows.append(
            tuple(
                _zeros((*y.shape, *x.shape), x, strict) if g is None else g.reshape((*y.shape, *x.shape))
                for g, x in zip(found, xs, strict=True)
            )
        )
    by_output = tuple(row[0] if single else row for row in rows)
    return _returned(by_output[0] if single_output else by_output, create_graph)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = True,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Compute the Hessian of a scalar function of tensors.

    Parameters
    ----------
    func, inputs, create_graph, strict, vectorize
        As for `jacobian`; the result of ``func`` has a single element.
    outer_jacobian_strategy
        ``"reverse-mode"`` or ``"forward-mode"``.

    Returns
    -------
    Tensor, or tuples of them
        Of shape ``input.shape + input.shape``; a tuple of tuples for a tuple.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.hessian(lambda x: (x**3).sum(), ft.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    single = not isinstance(inputs, tuple | list)
    if outer_jacobian_strategy == "forward-mode":
        xs, _ = _prepared(inputs, create_graph)
        with enable_grad():
            matrix = hessians.hessian(func, tuple(range(len(xs))))(*xs)
        return _returned(matrix[0][0] if single else matrix, create_graph)

    def gradient(*xs: Any) -> Any:
        found = _gradient(func, list(xs), strict)
        return found[0] if single else found

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Compute the outputs and the product of a vector with the Jacobian: ``(outputs, vᵀJ)``.

    Parameters
    ----------
    func, inputs, create_graph, strict
        As for `jacobian`.
    v
        A tensor for each output, of its shape; None for an output of one element.

    Returns
    -------
    tuple
        The outputs, and one product an input, of its shape.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.vjp(lambda x: x**2, ft.tensor([1.0, 2.0]), ft.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    xs, single = _prepared(inputs, create_graph)
    outputs, single_output = _called(func, xs)
    vectors = _vectors(v, outputs, "the outputs")
    used = [(y, g) for y, g in zip(outputs, vectors, strict=True) if y.node is not None]
    if len(used) < len(outputs):
        _refuse_strict(strict, "an output does not require grad: it does not depend on any input")
    found: tuple[Any, ...] = (None,) * len(xs)
    if used:
        found = grad([y for y, _ in used], xs, [g for _, g in used], None, create_graph, allow_unused=True)
    products = tuple(_zeros(x.shape, x, strict) if g is None else g for g, x in zip(found, xs, strict=True))
    return (
        _returned(outputs[0] if single_output else tuple(outputs), create_graph),
        _returned(products[0] if single else products, create_graph),
    )


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Compute the outputs and the product of the Jacobian with a vector, by dual numbers: ``(outputs, J v)``.

    Parameters
    ----------
    func, inputs, create_graph, strict
        As for `jacobian`.
    v
        A tensor for each input, of its shape; None for an input of one element.

    Returns
    -------
    tuple
        The outputs, and one product an output, of its shape.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.jvp(lambda x: x**2, ft.tensor([1.0, 2.0]), ft.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    xs, _ = _prepared(inputs, create_graph)
    vectors = _vectors(v, xs, "the inputs")
    if strict and any(y.node is None for y in _called(func, xs)[0]):
        _refuse_strict(strict, "an output does not require grad: it does not depend on any input")
    with enable_grad():
        outputs, pushed = forward.jvp(func, tuple(xs), tuple(vectors))
    return _returned(_tensors(outputs), create_graph), _returned(_tensors(pushed), create_graph)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Compute the value of a scalar function and the product of a vector with its Hessian, reverse over reverse.

    Parameters
    ----------
    func, inputs, v, create_graph, strict
        As for `jvp`; the result of ``func`` has a single element.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.vhp(lambda x: (x**3).sum(), ft.tensor([1.0, 2.0]), ft.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    xs, single = _prepared(inputs, create_graph)
    with enable_grad():
        value = func(*xs)
        gradients = _gradient_of(value, xs, strict)
    vectors = _vectors(v, xs, "the inputs")
    used = [(g, w) for g, w in zip(gradients, vectors, strict=True) if g.node is not None]
    found: tuple[Any, ...] = (None,) * len(xs)
    if used:
        found = grad([g for g, _ in used], xs, [w for _, w in used], None, create_graph, allow_unused=True)
    products = tuple(_zeros(x.shape, x, strict) if g is None else g for g, x in zip(found, xs, strict=True))
    return _returned(value, create_graph), _returned(products[0] if single else products, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Compute the value of a scalar function and the product of its Hessian with a vector; it is what `vhp` gives.

    Parameters
    ----------
    func, inputs, v, create_graph, strict
        As for `jvp`; the result of ``func`` has a single element.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.hvp(lambda x: (x**3).sum(), ft.tensor([1.0, 2.0]), ft.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)  # equal, as the Hessian is symmetric


def derivative(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that computes the derivative: a tensor for one argument, a tuple for several.

    Parameters
    ----------
    func
        A function of tensors; of a result that is no scalar, the sum of its elements is differentiated.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.autograd.functional.derivative(lambda x: x**2.0)(ft.tensor(2.0))
    tensor(4.)
    """

    @wraps(func, updated=())
    def differentiated(*inputs: Any) -> Any:
        create_graph = any(is_tensor(x) and x.node is not None for x in inputs)
        xs, _ = _prepared(tuple(inputs), create_graph)
        with enable_grad():
            value = func(*xs)
            found = grad(value, xs, np.ones(value.shape, value.dtype), None, create_graph, materialize_grads=True)
        return found[0] if len(found) == 1 else found

    return differentiated


def higher_order_grad(outputs: Any, inputs: Any, n: int = 1) -> tuple[Any, ...]:
    """Compute the n-th derivative of an output with respect to each input by itself.

    Parameters
    ----------
    outputs
        A tensor; of an array, the sum of its elements is differentiated.
    inputs
        A tensor or a sequence of them.
    n
        The order.

    Returns
    -------
    tuple of Tensor
        One an input, of its shape.

    Raises
    ------
    ValueError
        If the order is less than 1.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(2.0, requires_grad=True)
    >>> ft.autograd.higher_order_grad(x**3, x, 2)
    (tensor(12.),)
    """
    if n < 1:
        raise ValueError(f"the order of a derivative is at least 1, not {n}")
    results = []
    sources: list[Any] = [inputs] if isinstance(inputs, Tracer) else list(inputs)
    for x in sources:
        value = outputs
        for order in range(n):
            if value.node is None:
                value = constant(np.zeros(x.shape, x.dtype))
                break
            ones = np.ones(value.shape, value.dtype)
            (value,) = grad(value, x, ones, True, order < n - 1, materialize_grads=True)
        results.append(value)
    return tuple(results)


def _prepared(inputs: Any, create_graph: bool) -> tuple[list[Any], bool]:
    """Return the inputs as tensors that require grad: leaves of their own, or with ``create_graph`` their copies."""
    single = not isinstance(inputs, tuple | list)
    prepared = []
    given: list[Any] = [inputs] if single else list(inputs)
    for i, x in enumerate(given):
        if isinstance(x, Tracer) and not is_tensor(x):
            raise TypeError(f"input {i} is traced by {x._trace.transformation}; use ft.jacobian, ft.jvp and their kin")
        if not is_tensor(x):
            raise TypeError(f"the inputs must be Tensors; input {i} is a {type(x).__name__}")
        if create_graph and x.node is not None:
            with enable_grad():
                prepared.append(x.clone())
        else:
            prepared.append(x.detach().requires_grad_())
    return prepared, single


def _called(func: Callable[..., Any], xs: list[Any]) -> tuple[list[Any], bool]:
    with enable_grad():
        outputs = func(*xs)
    single = not isinstance(outputs, tuple | list)
    outputs = [outputs] if single else list(outputs)
    for i, y in enumerate(outputs):
        if not is_tensor(y):
            raise TypeError(f"the function must return tensors; output {i} is a {type(y).__name__}")
    return outputs, single


def _gradient(func: Callable[..., Any], xs: list[Any], strict: bool) -> tuple[Any, ...]:
    with enable_grad():
        return _gradient_of(func(*xs), xs, strict)


def _gradient_of(value: Any, xs: list[Any], strict: bool) -> tuple[Any, ...]:
    if not is_tensor(value) or value.value.size != 1:
        shape = getattr(value, "shape", type(value).__name__)
        raise RuntimeError(f"the function must return a Tensor with a single element; it returned {shape}")
    if value.node is None:
        _refuse_strict(strict, "the output does not depend on any input")
        return tuple(constant(np.zeros(x.shape, x.dtype)) for x in xs)
    found = grad(value, xs, None, None, True, allow_unused=True)
    return tuple(_zeros(x.shape, x, strict) if g is None else g for g, x in zip(found, xs, strict=True))


def _vectors(v: Any, likes: list[Any], what: str) -> list[Any]:
    if v is None:
        if len(likes) != 1 or likes[0].value.size != 1:
            raise RuntimeError(f"the vector v can only be None if there is one of {what} and it has a single element")
        return [np.ones(likes[0].shape, likes[0].dtype)]
    vectors = list(v) if isinstance(v, tuple | list) else [v]
    if len(vectors) != len(likes):
        raise RuntimeError(f"v has {len(vectors)} entries for {len(likes)} of {what}")
    for i, (w, x) in enumerate(zip(vectors, likes, strict=True)):
        if np.shape(w) != x.shape:
            raise RuntimeError(f"entry {i} of v has shape {np.shape(w)}, that of {what} {x.shape}")
    return vectors


def _zeros(shape: tuple[int, ...], x: Any, strict: bool) -> Any:
    _refuse_strict(strict, "an output is independent of an input")
    return constant(np.zeros(shape, x.dtype))


def _refuse_strict(strict: bool, what: str) -> None:
    if strict:
        raise RuntimeError(f"{what}. This is not allowed in strict mode.")


def _unpacked(columns: Any, single: bool) -> Any:
    """Return forward mode's Jacobian in the form of reverse mode's: no tuple over a single input."""
    if not single:
        return columns
    if isinstance(columns, tuple) and len(columns) == 1 and not isinstance(columns[0], tuple):
        return columns[0]
    return tuple(row[0] for row in columns)


def _tensors(values: Any) -> Any:
    return tuple(map(constant, values)) if isinstance(values, tuple | list) else constant(values)


def _returned(values: Any, create_graph: bool) -> Any:
    if isinstance(values, tuple | list):
        return tuple(_returned(value, create_graph) for value in values)
    return values if create_graph or not is_tensor(values) or values.node is None else values.detach()
