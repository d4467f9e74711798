"""What all functional optimisers share: trees of parameters, the weight decay, the count of steps, complex numbers.

An optimiser is a pure rule for one array, `FunctionalOptimizer.start` and `FunctionalOptimizer.change`, written in
plain NumPy. This file lifts it to trees; `functorch_lite.optim.optimizer` calls the same rule for each Tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import is_tracer

__all__ = [
    "FunctionalOptimizer",
    "Options",
    "State",
    "add_multiple",
    "is_zero",
    "joined",
    "like",
    "refuse_negative",
    "root",
    "split",
]

Options: TypeAlias = Mapping[str, Any]
State: TypeAlias = dict[str, Any]


class FunctionalOptimizer:
    """An optimiser as two pure functions: `init` gives the state, `update` the next parameters and state.

    Both work on trees, and under every transformation: hyper-parameters may be traced values too. A rule of one's own
    defines `check`, `start` and `change`, of which `begin` and `advance` make those of any one array.

    Parameters
    ----------
    options
        The hyper-parameters by name, ``"maximize"`` and ``"weight_decay"`` among them.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.SGD(lr=0.25)
    >>> params = {"w": np.array([2.0, 4.0])}
    >>> state = optimizer.init(params)
    >>> params, state = optimizer.update({"w": np.array([4.0, 8.0])}, state, params)
    >>> params
    {'w': array([1., 2.])}

    Descent by the sign of the gradient:

    >>> class SignDescent(functional.FunctionalOptimizer):
    ...     def check(self, options):
    ...         if options["lr"] < 0:
    ...             raise ValueError("lr must be 0 or more")
    ...
    ...     def start(self, parameter, options):
    ...         return {}
    ...
    ...     def change(self, gradient, state, parameter, options):
    ...         return -options["lr"] * np.sign(gradient), {}
    >>> optimizer = SignDescent({"lr": 0.5, "maximize": False, "weight_decay": 0})
    >>> x = np.array([3.0, -4.0])
    >>> optimizer.update(x, optimizer.init(x), x)
    (array([ 2.5, -3.5]), {'step': 1})
    """

    def __init__(self, options: Options) -> None:
        self.options = dict(options)
        self.check(self.options)

    def init(self, params: Any) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        params
            A tree of arrays.

        Returns
        -------
        dict
            ``"step"``, the number of steps made, and the optimiser's own entries, each a tree like ``params``.
        """
        leaves, structure = tree.flatten(params)
        return _by_name([self.begin(p, self.options) for p in leaves], structure)

    def update(self, grads: Any, state: State, params: Any) -> tuple[Any, State]:
        """Make one step.

        Parameters
        ----------
        grads
            A tree like ``params``. For complex parameters the direction of steepest ascent is wanted, as ``.grad`` of a
            Tensor is; `functorch_lite.grad` gives its conjugate.
        state
            What `init` or the last `update` returned.
        params
            A tree of arrays.

        Returns
        -------
        tuple
            The new parameters and the new state. Nothing is changed in place.

        Raises
        ------
        ValueError
            If the structures or shapes of gradients and parameters differ.
        """
        leaves, structure = tree.flatten(params)
        gradients, given = tree.flatten(grads)
        if given != structure:
            raise ValueError(
                f"{type(self).__name__}.update at {user_line()} was given gradients of structure {given} for "
                f"parameters of structure {structure}; they must agree"
            )
        if not isinstance(state, Mapping) or "step" not in state:
            raise self._foreign(state)
        columns = {name: tree.leaves(entry) for name, entry in state.items() if name != "step"}
        new_params, new_states = [], []
        for i, (g, p) in enumerate(zip(gradients, leaves, strict=True)):
            if shape_of(g) != shape_of(p):
                raise ValueError(
                    f"{type(self).__name__}.update at {user_line()} was given a gradient of shape {shape_of(g)} for a "
                    f"parameter of shape {shape_of(p)} (params{tree.paths(params)[i]}); they must agree"
                )
            try:
                own = {"step": state["step"], **{name: column[i] for name, column in columns.items()}}
                change, new = self.advance(g, own, p, self.options)
            except LookupError as error:
                raise self._foreign(state) from error
            new_params.append(p + change)
            new_states.append(new)
        return tree.unflatten(structure, new_params), _by_name(new_states, structure)

    def _foreign(self, state: Any) -> Exception:
        """Return the error that says that a state belongs to something else."""
        found = f"one with {sorted(state)}" if isinstance(state, Mapping) else f"a {type(state).__name__}"
        return ValueError(
            f"{type(self).__name__}.update at {user_line()} was given as state {found}; it takes what init(params) or "
            f"the last update returned, for the same optimiser and parameters: update(grads, state, params)"
        )

    def begin(self, parameter: Any, options: Options) -> State:
        """Return the state of one array before its first step, ``"step"`` with it.

        Examples
        --------
        >>> import numpy as np
        >>> from functorch_lite.optim import functional
        >>> optimizer = functional.SGD(momentum=0.9)
        >>> optimizer.begin(np.ones(2), optimizer.options)
        {'step': 0, 'momentum_buffer': array([0., 0.])}
        """
        if not np.iscomplexobj(parameter):
            return {"step": 0, **self.start(parameter, options)}
        return {"step": 0, **{name: joined(x) for name, x in self.start(split(parameter), options).items()}}

    def advance(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        """Return what is to be added to one array, and its next state.

        Examples
        --------
        >>> import numpy as np
        >>> from functorch_lite.optim import functional
        >>> optimizer = functional.SGD(lr=0.5)
        >>> optimizer.advance(np.ones(2), {"step": 0}, np.zeros(2), optimizer.options)
        (array([-0.5, -0.5]), {'step': 1})
        """
        if np.iscomplexobj(parameter):
            parts = {name: x if name == "step" else split(x) for name, x in state.items()}
            change, new = self.advance(split(gradient), parts, split(parameter), options)
            return joined(change), {name: x if name == "step" else joined(x) for name, x in new.items()}
        if options["maximize"]:
            gradient = -gradient
        if not (is_zero(options["weight_decay"]) or options.get("decoupled_weight_decay")):
            gradient = gradient + like(parameter, options["weight_decay"]) * parameter
        step = state["step"] + 1
        change, new = self.change(gradient, {**state, "step": step}, parameter, options)
        return change, {"step": step, **new}

    def advance_in_place(self, gradient: Any, state: State, parameter: Any, options: Options) -> State:
        """Make the step of one raw array in its own memory; return its next state.

        A subclass may do so with less memory; the numbers are those of `advance`.

        Examples
        --------
        >>> import numpy as np
        >>> from functorch_lite.optim import functional
        >>> optimizer, x = functional.SGD(lr=0.5), np.zeros(2)
        >>> optimizer.advance_in_place(np.ones(2), {"step": 0}, x, optimizer.options)
        {'step': 1}
        >>> x
        array([-0.5, -0.5])
        """
        change, new = self.advance(gradient, state, parameter, options)
        np.add(parameter, change, out=parameter, casting="same_kind")
        return new

    def check(self, options: Options) -> None:
        """Raise a `ValueError` that names the hyper-parameter that is out of range."""
        raise NotImplementedError

    def start(self, parameter: Any, options: Options) -> State:
        """Return the state of one real array before its first step, without the count of steps."""
        raise NotImplementedError

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        """Return what is to be added to one real array, and its next state without the count of steps.

        ``gradient`` has the sign of descent and the (not decoupled) weight decay in it; ``state["step"]`` counts this
        step already.
        """
        raise NotImplementedError


# --- What rules are written with --------------------------------------------------------------------------------------


def like(parameter: Any, number: Any) -> Any:
    """Return a number that does not change the dtype of a parameter when they meet.

    Python's numbers are weak already; NumPy's and traced ones have a precision of their own.
    """
    if type(number) in (float, int) or not hasattr(parameter, "dtype"):
        return number
    return number.astype(parameter.dtype)


def is_zero(number: Any) -> bool:
    """Say whether a hyper-parameter is off. A traced one is on: its derivative may be asked for."""
    return not is_tracer(number) and not number


def root(square: Any) -> Any:
    """Return the square root of a mean of squares, with the derivative 0 at 0.

    There all the gradients in the mean are 0, and so is its own derivative; that of the bare root is infinite, and the
    product would be NaN.
    """
    if is_tracer(square):
        zero = square == 0
        return np.sqrt(square + zero) - zero
    return np.sqrt(square)


def add_multiple(total: Any, factor: Any, x: Any) -> None:
    """Add ``factor * x`` to a raw array in place, block by block, so that no product leaves the cache."""
    if total.nbytes <= _BLOCK_BYTES or not (total.flags.c_contiguous and x.flags.c_contiguous):
        total += factor * x
        return
    totals, terms = total.reshape(-1), x.reshape(-1)
    length = _BLOCK_BYTES // total.itemsize
    products = np.empty(length, total.dtype)
    for start in range(0, total.size, length):
        block = totals[start : start + length]
        block += np.multiply(terms[start : start + length], factor, out=products[: block.size])


#: The bytes of a block: with its terms and its products it stays in a core's own cache.
_BLOCK_BYTES = 1 << 17


def refuse_negative(options: Options, **names: str) -> None:
    """Raise a `ValueError` if an option is below 0. ``names`` says what the error calls them."""
    for option, name in names.items():
        value = options[option]
        if is_tracer(value):
            continue
        try:
            is_negative = not value >= 0
        except TypeError:
            raise TypeError(f"Invalid {name}: {value!r}. {option} must be a number") from None
        if is_negative:
            raise ValueError(f"Invalid {name}: {value}. {option} must be 0 or more")


def split(x: Any) -> Any:
    """Return the real and imaginary parts of an array, along a new first axis. Optimisers treat them as two numbers."""
    return np.stack([np.real(x), np.imag(x)])


def joined(parts: Any) -> Any:
    """Return the complex array of real and imaginary parts; the inverse of `split`."""
    return parts[0] + 1j * parts[1]


def _by_name(states: list[State], structure: tree.Structure) -> State:
    """Turn states by leaf into trees by name. All leaves have made as many steps."""
    if not states:
        raise ValueError(f"an optimiser at {user_line()} was given a tree of parameters without any array in it")
    trees = {name: tree.unflatten(structure, [s[name] for s in states]) for name in states[0] if name != "step"}
    return {"step": states[0]["step"], **trees}
