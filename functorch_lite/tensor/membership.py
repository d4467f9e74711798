"""A tensor's part in the graph: leaves, gradients, hooks, views."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.memory import record_write, version
from functorch_lite.core.tape import Taped, leaf
from functorch_lite.tensor.ambient import LEAVES, constant, is_read_at_each_call, is_tensor
from functorch_lite.tensor.engine import backward
from functorch_lite.tensor.grad_mode import enable_grad, no_grad
from functorch_lite.tensor.graph import (
    GraphNode,
    RemovableHandle,
    hook_table,
    observed,
    output_number,
    register,
    retain,
)
from functorch_lite.tensor.walk import conjugated, hidden_as, results_of, shown, through_hooks
from functorch_lite.transforms.arguments import unshared

__all__ = ["GraphMember"]

#: Held while a gradient is added, which backward passes in several threads may do at once.
_accumulating = Lock()


class GraphMember(Taped):
    """What `functorch_lite.tensor.tensor.Tensor` has to do with the graph."""

    __slots__ = ("__dict__", "__weakref__")

    #: The tape node; None where the tensor does not require grad.
    node: Any

    # What tensors have unless they are given something else.
    _grad: Any = None
    _view: Any = None
    _views: Any = ()
    _stale: int = 0  # how many of the views, from the first, have had to forget their history
    _derived: Any = ()  # those of them that have one again
    _has_leaves: bool = False  # among its views
    _hooks: Any = None
    _after: Any = None
    _inference: bool = False
    _accumulation: Any = None
    _frozen: Any = None

    @property
    def requires_grad(self) -> bool:
        """Whether derivatives with respect to this tensor are recorded; it can be set, as by `requires_grad_`.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.ones(2)
        >>> x.requires_grad = True
        >>> x
        tensor([1., 1.], requires_grad=True)
        """
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

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.ones(2).requires_grad_()
        tensor([1., 1.], requires_grad=True)
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
        if self.value.dtype.kind not in "fc":
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients; this one is "
                f"{self.value.dtype}. Write ft.tensor([1.0, 2.0]), or convert it: x.astype(float)."
            )
        if self._frozen is not None:
            self.node, self._frozen = self._frozen, None
            return self
        if self._inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self.node = leaf(self.value)
        LEAVES[self.node[0]] = self
        if self._view is not None:
            self._view[0]._has_leaves = True
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user and not by a recorded operation.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.ones(2, requires_grad=True)
        >>> x.is_leaf, (x * 2.0).is_leaf
        (True, False)
        """
        return self.node is None or self.node[1] is None

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made the tensor; None for a leaf.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.ones(2, requires_grad=True).sin().grad_fn
        <SinBackward>
        """
        return None if self.is_leaf else GraphNode(self.node)

    @property
    def output_nr(self) -> int:
        """Which result of the operation ``grad_fn`` the tensor is; 0 for a leaf.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> [part.output_nr for part in ft.ones(2, requires_grad=True).split(1)]
        [0, 1]
        """
        return 0 if self.node is None else output_number(self.node)

    @property
    def grad(self) -> Any:
        """The accumulated gradient, or None; a tensor of the same shape and dtype, or None, can be assigned.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(3.0, requires_grad=True)
        >>> (x**2).backward()
        >>> x.grad
        tensor(6.)
        """
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "the grad of a Tensor that is not a leaf is not kept; call retain_grad() on it before backward",
                stacklevel=2,
            )
        if self._grad is not None and is_read_at_each_call(self):
            raise RuntimeError(
                f"grad at {user_line()} of a tensor that a function under jit closes over: the program would read the "
                f"gradient of now at each call. Pass the gradient as an argument."
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if not is_tensor(value):
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
        """Whether `retain_grad` was asked of this result.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> (ft.ones(2, requires_grad=True) * 2.0).retains_grad
        False
        """
        return not self.is_leaf and type(self.node[1]).__name__ == "Observed" and self.node[1].retained is not None

    def retain_grad(self) -> None:
        """Let `backward` keep the gradient of this result in its ``grad``; of a leaf it does so anyway.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> y = ft.tensor(3.0, requires_grad=True) * 2.0
        >>> y.retain_grad()
        >>> (y**2).backward()
        >>> y.grad
        tensor(12.)
        """
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
        """Add the gradients of this tensor to the ``grad`` of its leaves.

        Parameters
        ----------
        gradient, retain_graph, create_graph, inputs
            As for `autograd.backward`, whose ``grad_tensors`` is ``gradient``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**2).backward(ft.tensor([1.0, 10.0]))
        >>> x.grad
        tensor([ 2., 40.])
        """
        backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` when the gradient of this tensor is known; what it returns takes its place.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor does not require grad.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(3.0, requires_grad=True)
        >>> handle = x.register_hook(lambda g: 10.0 * g)
        >>> (x**2).backward()
        >>> x.grad
        tensor(60.)
        """
        if self.node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            return register(observed(self.node).hooks, hook)
        return register(hook_table(self), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(tensor)`` after the gradient was added to this leaf's ``grad``.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor is no leaf, or does not require grad.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(3.0, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
        >>> (x**2).backward()
        tensor(6.)
        """
        if not self.is_leaf or self.node is None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._after is None:
            self._after = {}
        return register(self._after, hook)

    def _through_hooks(self, g: Any, record: bool, held: set[int]) -> Any:
        """Return a cotangent that has reached this leaf as its hooks leave it."""
        if not self._hooks:
            return g
        with enable_grad() if record else no_grad():
            return through_hooks(self._hooks, g, record, held)

    def _receive(self, g: Any, record: bool, held: set[int]) -> None:
        """Take a cotangent that a backward pass has found for this leaf."""
        g = self._through_hooks(g, record, held)
        around = self._accumulation
        if around is None:
            self._accumulate(g, record, held)
        else:
            with enable_grad() if record else no_grad():
                for hook in list(around.before.values()):
                    given = results_of(hook, 1, hook((shown(g, held),)))
                    g = g if given is None else hidden_as(given[0], record, held)
                self._accumulate(g, record, {id(g)})
                for hook in list(around.after.values()):
                    hook((), (shown(g, held),))
        if self._after:
            with enable_grad() if record else no_grad():
                for hook in list(self._after.values()):
                    hook(self)

    def _accumulate(self, g: Any, record: bool, held: set[int]) -> None:
        """Add a cotangent to ``grad``, in PyTorch's convention for complex numbers.

        What becomes ``grad`` is memory of its own, as the next pass adds to it: arrays that others hold are copied.
        """
        if not record and is_tensor(g):
            g = g.value
        if self.value.dtype.kind == "c":
            g = conjugated(g)
        with _accumulating:
            before = self._grad
            if before is None:
                self._grad = _own_gradient(g, held)
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
            self._stale = sum(weak() is not None for weak in self._views[: self._stale])
            self._views = [weak for weak in self._views if weak() is not None]
        self._views.append(ref(view))

    def _live_views(self) -> list[Any]:
        return [view for view in (weak() for weak in self._views) if view is not None and view._view is not None]

    def _note_derived(self, view: Any) -> None:
        """Write down that a view that had to forget its history has one again."""
        self._derived = self._derived or []
        self._derived.append(ref(view))

    def _take_fresh_views(self) -> list[Any]:
        """Return the views that have a history, which they are about to forget."""
        fresh = (*self._views[self._stale :], *self._derived)
        self._stale, self._derived = len(self._views), ()
        return [view for view in (weak() for weak in fresh) if view is not None and view._view is not None]

    @property
    def _base(self) -> Any:
        """The tensor that this one is a view of, or None."""
        return None if self._view is None else self._view[0]


def _own_gradient(g: Any, held: set[int]) -> Any:
    """Return a first contribution to a ``grad`` as a tensor in memory of its own."""
    if is_tensor(g):
        with enable_grad():
            return g.clone()
    return constant(unshared(g, held))
