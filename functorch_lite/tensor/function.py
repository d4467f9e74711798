"""Operations with derivatives given by the user, in PyTorch's form: `Function`.

A call of a `Function` is an `Application` (see `functorch_lite.transforms.application`), so every transformation knows
what to do with it. ``forward`` always sees plain values: tensors without a history, or examples of a ``vmap``. What it
saves is told apart by identity: an input is an input also in the derivative of the derivative, an output an output.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np

from functorch_lite.core.memory import owner
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.anomaly import packed_by, saved_hooks
from functorch_lite.tensor.grad_mode import enable_grad, no_grad
from functorch_lite.tensor.graph import Packed
from functorch_lite.tensor.in_place import take_result
from functorch_lite.tensor.levels import is_watched, linked, lowered, plain, raw
from functorch_lite.tensor.walk import conjugated
from functorch_lite.transforms.application import Application
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["Function", "FunctionContext", "Static"]


class FunctionContext:
    """What ``forward`` hands to ``backward``; any attribute may be set on it besides.

    Attributes
    ----------
    saved_tensors
        What `save_for_backward` was given.
    needs_input_grad
        For each argument of ``apply``, whether its derivative is wanted.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> class Sorted(ft.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         order = np.argsort(x)
    ...         ctx.save_for_backward(order)
    ...         ctx.mark_non_differentiable(order)
    ...         ctx.set_materialize_grads(False)
    ...         return x[order], order
    ...
    ...     @staticmethod
    ...     def backward(ctx, g, _):
    ...         (order,) = ctx.saved_tensors
    ...         return None if g is None else g[np.argsort(order)]
    >>> ft.grad(lambda x: Sorted.apply(x)[0] @ np.array([1.0, 10.0]))(np.array([2.0, 1.0]))
    array([10.,  1.])
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Any, ...] = ()
        self.saved_for_forward: tuple[Any, ...] = ()
        self._materialize = True
        self._without_derivative: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``, where they are ``ctx.saved_tensors``."""
        for x in tensors:
            if x is not None and not hasattr(x, "dtype"):
                raise TypeError(f"save_for_backward can only save tensors, not a {type(x).__name__}; set ctx.name = …")
        self.saved_tensors = tuple(tensors)

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``, where they are ``ctx.saved_for_forward``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> class Square(ft.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_forward(x)
        ...         return x * x
        ...
        ...     @staticmethod
        ...     def jvp(ctx, tangent):
        ...         (x,) = ctx.saved_for_forward
        ...         return 2.0 * x * tangent
        >>> ft.jvp(Square.apply, (3.0,), (1.0,))
        (np.float64(9.0), np.float64(6.0))
        """
        self.saved_for_forward = tuple(tensors)

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Declare that some outputs have no derivative."""
        self._without_derivative = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Declare that some inputs were written to in place, and are returned.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> class Double(ft.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.mark_dirty(x)
        ...         return x.mul_(2.0)
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad_output):
        ...         return 2.0 * grad_output
        >>> x = ft.tensor([3.0], requires_grad=True)
        >>> y = x.clone()
        >>> Double.apply(y) is y, y.item()
        (True, 6.0)
        """
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether ``backward`` gets zeros for outputs that nothing depended on (the default), or None."""
        self._materialize = value


class _Info(NamedTuple):
    """What a ``vmap`` static method is told about the batch."""

    batch_size: int
    randomness: str = "error"


class Function:
    """An operation with a derivative of its own.

    Subclass it with static methods and call ``apply``:

    - ``forward(ctx, *args)``, or ``forward(*args)`` and ``setup_context(ctx, inputs, output)``;
    - ``backward(ctx, *grad_outputs)``, which returns one gradient (or None) for each argument of ``forward``;
    - ``jvp(ctx, *tangents)``, if forward mode is not to be derived by transposing ``backward``;
    - ``vmap(info, in_dims, *args)``, if a batch is not to be made by running the other methods on batched values.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> class Cube(ft.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return grad_output * 3.0 * x**2
    >>> x = ft.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    >>> ft.vmap(ft.grad(Cube.apply))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    generate_vmap_rule = False

    def __call__(self, *args: Any) -> NoReturn:
        """Raise: functions are called by ``apply``."""
        raise TypeError(f"{type(self).__name__} is not called on an instance: write {type(self).__name__}.apply(…)")

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the result: ``forward(ctx, *args)``, or ``forward(*args)`` beside a ``setup_context``."""
        raise NotImplementedError("a Function defines forward as a static method")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the arguments from those of the results: one, or None, for each argument."""
        raise NotImplementedError("this Function defines no backward, so it has no derivative in reverse mode")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function on the arguments of ``forward``, and return its result."""
        call = _Call(cls, args)
        outputs = _Application(call).bind(tuple(call.arrays), ())
        return call.restored(outputs)


class _Application(Application):
    """The primitive that stands for a call; it refers to the call, and not the other way."""

    #: A missing cotangent is None to ``backward``, if it says so.
    fills = False

    def __init__(self, call: _Call) -> None:
        super().__init__(call.name, call.run, call.jvp if call.has_jvp else None, call.fwd, call.bwd)
        self.call = call

    @property
    def written_results(self) -> list[int]:  # type: ignore[override]
        """The positions of the results that were marked dirty, among those that are arrays."""
        _, outputs, dirty = self.call.template
        arrays = [position for position, (is_array, _) in enumerate(outputs) if is_array]
        return [arrays.index(position) for position, _ in dirty]

    def reverse(self, trace: Any, values: Any, active: Any) -> Any:
        self.call.active = tuple(i in active for i in range(len(values)))
        return super().reverse(trace, values, active)

    def kept(self, residuals: Any) -> Any:
        saved, attributes, static = residuals
        own = {id(owner(lowered(x))) for x in (*self.call.arrays, *static.content[-1])}
        # Attributes that are neither inputs nor outputs may be meant to change: buffers, for instance.
        return [*saved, *(x for x in attributes.values() if hasattr(x, "dtype") and id(owner(lowered(x))) in own)]

    def batch(self, size: int, arrays: Any, batched: tuple[bool, ...], params: Any) -> Any:
        if "vmap" in vars(self.call.cls):
            return self.call.batch(size, arrays, batched)
        return super().batch(size, arrays, batched, params)


class _Call:
    """One call: which arguments are arrays, and the rules, restated for leaves."""

    def __init__(self, cls: type[Function], args: tuple[Any, ...]) -> None:
        self.cls = cls
        self.places = [i for i, a in enumerate(args) if isinstance(a, Tracer | np.ndarray | np.generic)]
        self.arrays = [args[i] for i in self.places]
        self.args = args
        self.template: Any = None
        self.active = (True,) * len(self.arrays)
        self.without: list[bool] = []
        self.unpack: Any = None
        self.name = cls.__name__
        self.has_jvp = any("jvp" in vars(base) for base in cls.__mro__)

    def restored(self, outputs: tuple[Any, ...]) -> Any:
        """Return the outputs in the form in which ``forward`` gave them."""
        rest = iter(outputs)
        full = [next(rest) if is_array else value for is_array, value in self.template[1]]
        constants = iter(self.without or [False] * len(outputs))
        for i, (is_array, _) in enumerate(self.template[1]):
            if is_array:
                y = constant(full[i])
                full[i] = (y.detach() if is_tensor(y) else stop_gradient(y)) if next(constants) else y
        self._write_dirty(full)
        return full[0] if self.template[0] else tuple(full)

    def _write_dirty(self, full: list[Any]) -> None:
        for position, place in self.template[2]:
            target = self.args[place]
            if is_tensor(target) and is_tensor(full[position]):
                take_result(target, full[position], self.name)
                full[position] = target

    def batch(self, size: int, arrays: Any, batched: tuple[bool, ...]) -> tuple[Any, ...]:
        """Compute a batch by the user's ``vmap``."""
        rest = iter(zip(arrays, batched, strict=True))
        args = list(self.args)
        dims: list[Any] = [None] * len(self.args)
        for i in self.places:
            args[i], is_batched = next(rest)
            args[i] = plain(args[i])
            dims[i] = 0 if is_batched else None
        outputs, out_dims = self.cls.vmap(_Info(size), tuple(dims), *args)  # type: ignore[attr-defined]
        single = not isinstance(outputs, tuple)
        outputs, out_dims = ((outputs,), (out_dims,)) if single else (outputs, out_dims)
        self.template = single, [(True, None) for _ in outputs], []
        fronted = []
        for y, dim in zip(outputs, out_dims, strict=True):
            if dim is None:
                y = np.broadcast_to(y, (size, *shape_of(y)))
            elif dim:
                y = np.moveaxis(y, dim, 0)
            fronted.append(y.value if is_tensor(y) and y.node is None else y)
        return tuple(fronted)

    def _apply(self, values: tuple[Any, ...], active: tuple[bool, ...]) -> tuple[list[Any], FunctionContext, list[Any]]:
        """Run ``forward`` on plain values; return its outputs that are arrays, the context, and the inputs given."""
        args = list(self.args)
        needed = [False] * len(args)
        for i, value, is_active in zip(self.places, values, active, strict=True):
            args[i], needed[i] = plain(value), is_active
        ctx = FunctionContext(tuple(needed))
        with no_grad():
            if _has_own_context(self.cls):
                output = self.cls.forward(*args)
                self.cls.setup_context(ctx, tuple(args), output)  # type: ignore[attr-defined]
            else:
                output = self.cls.forward(ctx, *args)
        single = not isinstance(output, tuple)
        outputs = [output] if single else list(output)
        is_array = [isinstance(y, Tracer | np.ndarray | np.generic) for y in outputs]
        dirty = [
            (position, i)
            for position, y in enumerate(outputs)
            for i in self.places
            if any(y is d for d in ctx._dirty) and y is args[i]
        ]
        self.template = single, [(a, None if a else y) for a, y in zip(is_array, outputs, strict=True)], dirty
        return [y for a, y in zip(is_array, outputs, strict=True) if a], ctx, args

    def run(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        outputs, _, _ = self._apply(values, tuple(False for _ in values))
        return tuple(map(raw, outputs))

    def _linked_run(
        self, values: tuple[Any, ...], active: tuple[bool, ...]
    ) -> tuple[list[Any], tuple[Any, ...], FunctionContext, list[tuple[Any, Any]], bool]:
        """Run ``forward`` below the levels of the values.

        Returns
        -------
        results, outputs, ctx, links, nested
            The arrays that ``forward`` gave; those that stand for them at the levels of the values; the context; the
            pairs of what ``forward`` saw, or gave, and what stands for it; whether an outer differentiation watches.
        """
        nested = any(map(is_watched, values))
        results, ctx, given = self._apply(tuple(map(lowered, values)), active)
        # With values that an outer differentiation watches, that one meets the function as a whole as well.
        outputs = _Application(self).bind(values, ()) if nested else tuple(map(raw, results))
        inputs = [(given[i], value) for i, value in zip(self.places, values, strict=True)]
        return results, outputs, ctx, [*inputs, *zip(results, outputs, strict=True)], nested

    def fwd(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        results, outputs, ctx, links, nested = self._linked_run(values, self.active)
        saved = [linked(x, links, nested, self.name) for x in ctx.saved_tensors]
        attributes = {k: linked(v, links, False, self.name) for k, v in vars(ctx).items() if not k.startswith("_")}
        attributes.pop("saved_tensors")
        hooks = saved_hooks()
        if hooks is not None and not nested:
            pack, self.unpack = hooks
            saved = [packed_by(pack, x.value if is_tensor(x) else x) if hasattr(x, "dtype") else x for x in saved]
        self.without = without = [any(y is x for x in ctx._without_derivative) for y in results]
        return outputs, (saved, attributes, Static((ctx._materialize, without, list(map(shape_of, values)), outputs)))

    def _context(self, residuals: Any) -> tuple[FunctionContext, Any]:
        saved, attributes, static = residuals
        ctx = FunctionContext(())
        vars(ctx).update({k: plain(v) if isinstance(v, Tracer | np.ndarray) else v for k, v in attributes.items()})
        saved = [self.unpack(x.content) if type(x) is Packed else x for x in saved]
        ctx.saved_tensors = tuple(None if x is None else plain(x) for x in saved)
        ctx._materialize = static.content[0]
        return ctx, static.content

    def bwd(self, residuals: Any, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        ctx, (materialize, without, shapes, likes) = self._context(residuals)
        given = []
        for g, constant_output, like in zip(cotangents, without, likes, strict=True):
            if g is None or constant_output:
                given.append(plain(np.zeros_like(lowered(like))) if materialize else None)
            else:
                given.append(plain(conjugated(g)))
        rest = iter(given)
        full = [next(rest) if is_array else None for is_array, _ in self.template[1]]
        return self._gradients(self.cls.backward(ctx, *full), shapes)

    def _gradients(self, found: Any, shapes: list[tuple[int, ...]]) -> tuple[Any, ...]:
        """Return, of what ``backward`` gave, the gradients of the arguments that are arrays; raise if one is wrong."""
        found = tuple(found) if isinstance(found, tuple | list) else (found,)
        while len(found) > len(self.args) and found[-1] is None:
            found = found[:-1]
        if len(found) != len(self.args):
            raise RuntimeError(
                f"function {self.name}Backward returned an incorrect number of gradients (expected {len(self.args)}, "
                f"got {len(found)})"
            )
        for i, g in enumerate(found):
            if g is not None and i not in self.places:
                raise RuntimeError(
                    f"function {self.name}Backward returned a gradient different from None at position {i}, but the "
                    f"corresponding forward input was not a Tensor"
                )
        gradients: list[Any] = []
        for i, shape in zip(self.places, shapes, strict=True):
            g = found[i]
            if g is None:
                gradients.append(None)
                continue
            if shape_of(g) != shape and not _broadcasts(shape, shape_of(g)):
                raise RuntimeError(
                    f"Function {self.name}Backward returned an invalid gradient at index {i} - got {shape_of(g)} but "
                    f"expected shape compatible with {shape}"
                )
            gradients.append(conjugated(raw(g)))
        return tuple(gradients)

    def jvp(self, values: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        _, outputs, ctx, links, nested = self._linked_run(values, tuple(True for _ in values))
        ctx.saved_tensors = tuple(plain(linked(x, links, nested, self.name)) for x in ctx.saved_tensors)
        ctx.saved_for_forward = tuple(plain(linked(x, links, nested, self.name)) for x in ctx.saved_for_forward)
        for name, value in list(vars(ctx).items()):
            if isinstance(value, Tracer):
                setattr(ctx, name, plain(linked(value, links, False, self.name)))
        full: list[Any] = [None] * len(self.args)
        for i, t in zip(self.places, tangents, strict=True):
            full[i] = plain(t)
        with enable_grad() if any(map(is_watched, (*full, *ctx.saved_tensors))) else no_grad():
            pushed = self.cls.jvp(ctx, *full)  # type: ignore[attr-defined]
        pushed = pushed if isinstance(pushed, tuple) else (pushed,)
        return outputs, tuple(np.zeros_like(y) if t is None else raw(t) for t, y in zip(pushed, outputs, strict=True))


class Static:
    """Residuals that are no arrays: a leaf to trees."""

    def __init__(self, content: Any) -> None:
        self.content = content


def _has_own_context(cls: type[Function]) -> bool:
    return any("setup_context" in vars(base) for base in cls.__mro__)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
