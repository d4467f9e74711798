"""The tensor: a taped value of the ambient trace, with PyTorch's attributes and methods.

Every semantic of the object style is a statement about the tape. A tensor *requires grad* if it has a node; it is a
*leaf* if its node has no primitive. Its operations are those of every tracer; `functorch_lite.tensor.ambient` records
them.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np

from functorch_lite.core.operands import OBJECT, stacked
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.tape import Taped, leaf
from functorch_lite.core.trace import Tracer
from functorch_lite.core.tracer import array_of_tracers
from functorch_lite.core.ufunc_calls import uncommon_call
from functorch_lite.tensor.ambient import AMBIENT, LEAVES, constant, tensor_of
from functorch_lite.tensor.engine import backward, grad
from functorch_lite.tensor.grad_mode import enable_grad, no_grad
from functorch_lite.tensor.graph import GraphNode, RemovableHandle, observed, register, retain
from functorch_lite.tensor.in_place import assign, own_memory, replace, write
from functorch_lite.tensor.memory import record_write, version
from functorch_lite.tensor.walk import conjugated
from functorch_lite.transforms.arguments import unshared

__all__ = ["Tensor", "fwbw_all_zero"]


#: The functions whose answer is a bool, in PyTorch as in NumPy.
_QUESTIONS = frozenset({np.allclose, np.array_equal, np.array_equiv})


#: Held while a gradient is added, which backward passes in several threads may do at once.
_accumulating = Lock()


class Size(int):
    """The number of elements, as NumPy has it; called, the shape (or one length), as PyTorch has it."""

    shape: tuple[int, ...]

    def __new__(cls, shape: tuple[int, ...]) -> Size:
        n = 1
        for length in shape:
            n *= length
        size = super().__new__(cls, n)
        size.shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Tensor(Taped):
    """An array that can remember how it was computed, and be differentiated by `backward`.

    Make tensors by `functorch_lite.tensor` and its kin. All of NumPy's functions accept them and give tensors; so do
    all transformations.

    Attributes
    ----------
    data
        The raw array. Reading it leaves the graph; writing into it is not tracked; assigning replaces the value.
    grad
        The accumulated gradient, a tensor, or None.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> y = np.sin(x) * x
    >>> y
    tensor([0.84147098, 1.81859485], grad_fn=<MulBackward>)
    >>> y.sum().backward()
    >>> np.allclose(x.grad, np.cos([1, 2]) * [1, 2] + np.sin([1, 2]))
    True
    """

    __slots__ = ("__dict__", "__weakref__")

    #: The tape node; None where the tensor does not require grad.
    node: Any

    # What tensors have unless they are given something else.
    _grad: Any = None
    _view: Any = None
    _views: Any = ()
    _hooks: Any = None
    _after: Any = None
    _inference: bool = False
    _accumulation: Any = None
    _frozen: Any = None

    # --- The value ----------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The raw array, sharing memory."""
        own_memory(self) if type(self.value) is not np.ndarray else None
        return self.value

    @data.setter
    def data(self, value: Any) -> None:
        value = value.value if isinstance(value, Tensor) else np.array(value) if np.ndim(value) == 0 else value
        if not isinstance(value, np.ndarray):
            value = np.array(value)
        if self.node is not None and value.dtype.kind not in "fc":
            raise RuntimeError(f"data of a tensor that requires grad must be floating, not {value.dtype}")
        self._set_value(value)

    def set_(self, source: Any) -> Any:
        """Replace the value by another tensor's, sharing its memory."""
        self.data = source
        return self

    def _set_value(self, value: Any) -> None:
        self.value = value
        node = self.node
        if node is not None:
            node[2], node[3] = value.shape, value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self.value.dtype

    @property
    def size(self) -> Any:
        """The number of elements; called, the shape."""
        return Size(self.value.shape)

    def numpy(self, *, force: bool = False) -> Any:
        """Return the raw array, sharing memory.

        Raises
        ------
        RuntimeError
            If the tensor requires grad, since NumPy would lose it; ``force=True`` stands for ``detach()``.
        """
        if self.node is not None and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead (or tensor.data)."
            )
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.node is not None:
            if self.shape == () and dtype is None:
                return array_of_tracers(self)
            raise RuntimeError(
                f"at a conversion to a plain array: this tensor of shape {self.shape} requires grad, and NumPy would "
                f"lose it. Use tensor.detach() (or tensor.data), or NumPy functions that dispatch (np.stack, np.dot)."
            )
        return np.array(self.data, dtype, copy=copy)

    def item(self, *index: Any) -> Any:
        """Return the only element (or the one at an index) as a Python number."""
        if self.value.size != 1 and not index:
            raise RuntimeError(f"a Tensor with {self.value.size} elements cannot be converted to Scalar")
        return self.value.item(*index)

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.value.tolist()

    def __float__(self) -> float:  # type: ignore[override]
        return float(self.item())

    def __int__(self) -> int:  # type: ignore[override]
        return int(self.item())

    def __complex__(self) -> complex:  # type: ignore[override]
        return complex(self.item())

    def __bool__(self) -> bool:
        if self.value.size != 1:
            raise RuntimeError(
                f"Boolean value of Tensor with {self.value.size} values is ambiguous; use .any() or .all()"
            )
        return bool(self.value)

    def __index__(self) -> int:
        return operator.index(self.value if self.value.ndim == 0 else self.value.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.value.ndim == 0 else format(str(self), spec)

    def __repr__(self) -> str:
        text = np.array2string(np.array(self.value), separator=", ", prefix="tensor(")
        if self.value.dtype.kind == "f" and self.value.dtype != np.float64:
            text += f", dtype={self.value.dtype}"
        if self.node is not None:
            text += ", requires_grad=True" if self.is_leaf else f", grad_fn={self.grad_fn!r}"
        return f"tensor({text})"

    def __hash__(self) -> int:
        return id(self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and len(inputs) == 1 and method == "__call__":  # most calls, and each counts
            primitive = PRIMITIVES.get(ufunc)
            if primitive is not None:
                return AMBIENT.unary(primitive, self)
        if "out" not in kwargs:
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        (out,) = kwargs.pop("out")
        if isinstance(out, Tensor):
            return write(out, f"np.{ufunc.__name__}(…, out=)", lambda _: getattr(ufunc, method)(*inputs, **kwargs))
        if not any(isinstance(x, Tracer) and (not isinstance(x, Tensor) or x.node is not None) for x in inputs):
            plain = [x.value if isinstance(x, Tensor) else x for x in inputs]
            return getattr(ufunc, method)(*plain, out=out, **kwargs)
        return uncommon_call(ufunc, method, inputs, {**kwargs, "out": (out,)})

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        implementation = FUNCTIONS.get(function)
        if implementation is not None:
            result = implementation(*args, **kwargs)
            return bool(result) if function in _QUESTIONS else result
        if self.node is None:
            plain = [a.value if isinstance(a, Tensor) and a.node is None else a for a in args]
            if not any(isinstance(a, Tracer) for a in plain):
                return constant(function(*plain, **kwargs))
        return super().__array_function__(function, types, args, kwargs)

    # --- Indexing and iteration ---------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return FUNCTIONS[operator.getitem](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:  # type: ignore[override]
        assign(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    # --- The graph ----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether derivatives with respect to this tensor are recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Let a leaf require grad, or no more; return it.

        Raises
        ------
        RuntimeError
            If the tensor is no leaf, or its dtype is not floating or complex.
        """
        if requires_grad == (self.node is not None):
            return self
        if not requires_grad:
            if not self.is_leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._frozen, self.node = self.node, None
            return self
        if self._frozen is not None:
            self.node, self._frozen = self._frozen, None
            return self
        if self.value.dtype.kind not in "fc":
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients; this one is "
                f"{self.value.dtype}. Write ft.tensor([1.0, 2.0]), or convert it: x.astype(float)."
            )
        if self._inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self.node = leaf(self.value)
        LEAVES[self.node[0]] = self
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user and not by a recorded operation."""
        return self.node is None or self.node[1] is None

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made the tensor; None for a leaf."""
        return None if self.is_leaf else GraphNode(self.node)

    @property
    def grad(self) -> Any:
        """The accumulated gradient, or None."""
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "the grad of a Tensor that is not a leaf is not kept; call retain_grad() on it before backward",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if not isinstance(value, Tensor):
                raise TypeError(f"grad is a Tensor or None, not a {type(value).__name__}; write ft.tensor(…)")
            if value.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {value.shape} for a tensor of shape {self.shape}"
                )
            if value.dtype != self.dtype:
                raise RuntimeError(f"assigned grad has dtype {value.dtype}, the tensor {self.dtype}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was asked of this result."""
        return not self.is_leaf and type(self.node[1]).__name__ == "Observed" and self.node[1].retained is not None

    def retain_grad(self) -> None:
        """Let `backward` keep the gradient of this result in its ``grad``; of a leaf it does so anyway."""
        if self.node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf:
            retain(self)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the ``grad`` of its leaves; see `autograd.backward`."""
        backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` when the gradient of this tensor is known; what it returns takes its place."""
        if self.node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            return register(observed(self.node).hooks, hook)
        if self._hooks is None:
            self._hooks = {}
        return register(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(tensor)`` after the gradient was added to this leaf's ``grad``."""
        if not self.is_leaf or self.node is None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._after is None:
            self._after = {}
        return register(self._after, hook)

    def _through_hooks(self, g: Any, record: bool) -> Any:
        """Return the gradient, a tensor, as the leaf's hooks leave it."""
        if self._hooks:
            with enable_grad() if record else no_grad():
                for hook in list(self._hooks.values()):
                    given = hook(g)
                    if given is not None:
                        if np.shape(given) != self.shape:
                            raise RuntimeError(f"hook '{hook}' has changed the size of value")
                        g = given
        return g

    def _accumulate_observed(self, g: Any, record: bool, seen: set[int]) -> None:
        """Accumulate between the hooks of the leaf's node."""
        with enable_grad() if record else no_grad():
            shown = constant(conjugated(g))
            for hook in list(self._accumulation.before.values()):
                given = hook((shown,))
                if given is not None:
                    (shown,) = given
            self._accumulate(conjugated(shown), record, seen)
            for hook in list(self._accumulation.after.values()):
                hook((), (shown,))

    def _receive(self, g: Any, record: bool, seen: set[int]) -> None:
        """Take a cotangent that a backward pass has found for this leaf."""
        if self._hooks:
            g = conjugated(self._through_hooks(constant(conjugated(g)), record))
            g = g if record else g.value
        if self._accumulation is None:
            self._accumulate(g, record, seen)
        else:
            self._accumulate_observed(g, record, seen)
        if self._after:
            with enable_grad() if record else no_grad():
                for hook in list(self._after.values()):
                    hook(self)

    def _accumulate(self, g: Any, record: bool, seen: set[int]) -> None:
        """Add a cotangent to ``grad``, in PyTorch's convention for complex numbers."""
        if not record and isinstance(g, Tensor):
            g = g.value
        g = conjugated(g)
        with _accumulating:
            before = self._grad
            if before is None:
                self._grad = constant(g if isinstance(g, Tensor) else unshared(g, seen))
            elif record or before.node is not None:
                with enable_grad() if record else no_grad():
                    self._grad = before + g
            elif type(before.value) is np.ndarray and before.value.flags.writeable:
                before.value += g
                record_write(before.value, "the accumulation of a gradient")
            else:
                before.value = before.value + g

    @property
    def _version(self) -> int:
        """How many times the tensor's memory has been written to in place."""
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return version(self.value)

    def _is_view(self) -> bool:
        """Say whether the tensor is a view of another."""
        return self._view is not None

    def _add_view(self, view: Any) -> None:
        if not self._views:
            self._views = []
        elif len(self._views) > 16 and len(self._views) & (len(self._views) - 1) == 0:
            self._views = [weak for weak in self._views if weak() is not None]
        self._views.append(ref(view))

    def _live_views(self) -> list[Any]:
        return [view for view in (weak() for weak in self._views) if view is not None and view._view is not None]

    @property
    def _base(self) -> Any:
        """The tensor that this one is a view of, or None."""
        return None if self._view is None else self._view[0]

    # --- Leaving the graph --------------------------------------------------------------------------------------------

    def detach(self) -> Any:
        """Return a tensor that shares memory and does not require grad."""
        return tensor_of(self.data, None)

    def detach_(self) -> Any:
        """Forget the history of this tensor, which becomes a leaf that does not require grad; return it."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node = None
        return self

    def clone(self) -> Any:
        """Return a copy with its own memory and this tensor's history."""
        return np.positive(self)

    def copy(self, order: str = "C") -> Any:
        """Return a copy with its own memory that does not require grad."""
        return tensor_of(np.array(self.value), None)

    def is_inference(self) -> bool:
        """Say whether the tensor was made in inference mode."""
        return self._inference

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment; copy x.detach() or x.clone()."
            )
        if id(self) in memo:
            return memo[id(self)]
        copied = tensor_of(np.array(self.value), None)
        memo[id(self)] = copied
        copied.requires_grad_(self.node is not None)
        if self._grad is not None:
            copied._grad = self._grad.copy()
        return copied

    def __copy__(self) -> Any:
        return tensor_of(self.data, None).requires_grad_(self.node is not None) if self.is_leaf else self.clone()

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled; pickle x.detach()")
        return _rebuilt, (np.array(self.value), self.node is not None, self._grad)

    # --- Riemann's extras ---------------------------------------------------------------------------------------------

    def d(self, *variables: Any) -> Any:
        """Return the mixed partial derivative of this scalar with respect to scalars, in turn.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
        >>> (x**3 * y**2).d(x, x, y)
        tensor(72.)
        """
        if not variables:
            raise TypeError("d needs the tensors to differentiate with respect to: f.d(x), f.d(x, y)")
        for x in (self, *variables):
            if x.shape != ():
                raise ValueError(f"d is for scalars; a tensor has shape {x.shape}. Use ft.autograd.grad, ft.hessian")
        value = self
        for i, x in enumerate(variables):
            last = i == len(variables) - 1
            if value.node is None:
                return tensor_of(np.zeros((), self.dtype), None)
            (found,) = grad(value, x, retain_graph=True, create_graph=not last, materialize_grads=True)
            value = found
        return value

    def attach_zero_grad_sources(self, *sources: Any) -> Any:
        """Attach other tensors as sources, which receive zero gradients when this one receives its own; return it."""
        flat: Sequence[Any] = sources[0] if len(sources) == 1 and isinstance(sources[0], list | tuple) else sources
        zeros = [fwbw_all_zero(source) for source in flat]
        if self.node is not None and self.is_leaf:
            self.register_hook(lambda _: backward(zeros, retain_graph=True))
        else:
            total: Any = self
            for zero in zeros:
                total = total + zero
            self.node = total.node
        return self

    def replace_(self, value: Any) -> Any:
        """Write values into the tensor in place; what `copy_` does without broadcasting."""
        return replace(self, value, "replace_")


def fwbw_all_zero(x: Any) -> Any:
    """Return a scalar tensor 0 whose derivative with respect to ``x`` is zeros: it joins ``x`` to a graph.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> ft.fwbw_all_zero(x).backward()
    >>> x.grad
    tensor([0., 0.])
    """
    return np.where(np.zeros(x.shape, bool), x, 0).sum()


def _rebuilt(value: Any, requires_grad: bool, gradient: Any) -> Any:
    x = tensor_of(value, None).requires_grad_(requires_grad)
    x._grad = gradient
    return x


def as_raw(value: Any) -> Any:
    """Return a raw array of anything array-like that holds no derivative."""
    if getattr(value, "dtype", None) is OBJECT:
        value = stacked(value)
    return value.value if isinstance(value, Tensor) else value


AMBIENT.tracer = Tensor
