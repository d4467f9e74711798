"""What all optimisers of Tensors share: parameter groups, states, saving and loading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from functorch_lite.core.memory import record_write
from functorch_lite.optim.functional.rule import FunctionalOptimizer
from functorch_lite.tensor.grad_mode import enable_grad, no_grad, restore, switch
from functorch_lite.tensor.in_place import writable
from functorch_lite.tensor.tensor import Tensor

__all__ = ["Optimizer", "RuleOptimizer", "number_of", "refuse_foreign_state", "set_option"]

#: Options of PyTorch's that choose among implementations of one rule. Here is only one.
_CHOICES = frozenset({"foreach", "fused", "capturable"})


class Optimizer:
    """The base of all optimisers: holds parameters in groups, the options of each, and the state of each parameter.

    A subclass defines `step`.

    Parameters
    ----------
    params
        Tensors, or dictionaries: each is a group, with its Tensors under ``"params"`` and options of its own.
    defaults
        The options of groups that do not have their own.

    Attributes
    ----------
    param_groups : list of dict
        The groups. Options may be changed between steps.
    state : dict
        What the optimiser remembers of each parameter: raw arrays by name.

    Raises
    ------
    TypeError
        If ``params`` is a Tensor, or holds what is no Tensor.
    ValueError
        If there are no parameters, one is not a leaf, or one is in two groups.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite import optim
    >>> class SignDescent(optim.Optimizer):
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for x in group["params"]:
    ...                 x.data -= group["lr"] * np.sign(x.grad.data)
    >>> x = ft.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = SignDescent([x], {"lr": 0.5})
    >>> (x**2).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([ 2.5, -3.5], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor; "
                "write [x] for a single parameter"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step; return what the closure returns.

        Parameters
        ----------
        closure
            Computes the loss anew, calls ``backward`` and returns the loss.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> x = ft.tensor(4.0, requires_grad=True)
        >>> (x**2).backward()
        >>> optim.SGD([x], lr=0.25).step()
        >>> x.item()
        2.0
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Parameters
        ----------
        set_to_none
            Whether ``grad`` becomes None. Else the arrays are filled with zeros, and steps are made with them.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> x = ft.tensor(4.0, requires_grad=True)
        >>> (x**2).backward()
        >>> optim.SGD([x], lr=0.25).zero_grad()
        >>> x.grad is None
        True
        """
        for p in self._parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad = p.grad.detach()
                p.grad.zero_()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, with the default of each option that it does not name.

        Parameters
        ----------
        param_group
            Its Tensors under ``"params"``, and options of its own.

        Raises
        ------
        TypeError, ValueError
            As the constructor does.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> x, y = (ft.tensor(4.0, requires_grad=True) for _ in range(2))
        >>> optimizer = optim.SGD([x], lr=0.25)
        >>> optimizer.add_param_group({"params": [y], "lr": 0.5})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.25, 0.5]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set | frozenset):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        group = {**self.defaults, **param_group, "params": [params] if isinstance(params, Tensor) else list(params)}
        for p in group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}; for arrays and "
                    f"trees of arrays use functorch_lite.optim.functional"
                )
            if not (p.is_leaf or p.retains_grad):
                raise ValueError(
                    f"can't optimize a non-leaf Tensor: one of shape {p.shape} is the result of {p.grad_fn}; make it "
                    f"with requires_grad=True, or detach it first"
                )
        identities = [id(p) for p in group["params"]]
        if len(set(identities)) < len(identities) or not {id(p) for p in self._parameters()}.isdisjoint(identities):
            raise ValueError("some parameters appear more than once, in one parameter group or in more")
        self.param_groups.append(group)

    def state_dict(self) -> dict[str, Any]:
        """Return states and options, with numbers in the place of the parameters.

        Returns
        -------
        dict
            ``"state"``: what is remembered of each parameter, by its number. ``"param_groups"``: the options of each
            group, and the numbers of its parameters. Later steps do not change it.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> x = ft.tensor(4.0, requires_grad=True)
        >>> optimizer = optim.SGD([x], lr=0.25, momentum=0.5)
        >>> (x**2).backward()
        >>> optimizer.step()
        >>> optimizer.state_dict()["state"][0]["step"]
        1
        """
        numbers = {id(p): i for i, p in enumerate(self._parameters())}
        return {
            "state": {numbers[id(p)]: dict(state) for p, state in self.state.items()},
            "param_groups": [
                {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, of an optimiser with as many parameters in the same order.

        Raises
        ------
        ValueError
            If it is no such state, or the groups differ in number or size.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> saved = optim.SGD([ft.tensor(4.0, requires_grad=True)], lr=0.5).state_dict()
        >>> optimizer = optim.SGD([ft.tensor(4.0, requires_grad=True)], lr=0.1)
        >>> optimizer.load_state_dict(saved)
        >>> optimizer.param_groups[0]["lr"]
        0.5
        """
        refuse_foreign_state(self, state_dict, "state", "param_groups")
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, not "
                f"{len(self.param_groups)}"
            )
        for i, (group, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(new['params'])} parameters, not {len(group['params'])}"
                )
        by_number = dict(zip(chain.from_iterable(g["params"] for g in saved), self._parameters(), strict=True))
        self.state = defaultdict(dict)
        for number, state in state_dict["state"].items():
            p = by_number[number]
            self.state[p] = {name: _copied(x, p.dtype) for name, x in state.items()}
        self.param_groups = [
            {**self.defaults, **new, "params": group["params"]}
            for group, new in zip(self.param_groups, saved, strict=True)
        ]

    def _parameters(self) -> list[Any]:
        return list(chain.from_iterable(group["params"] for group in self.param_groups))


class RuleOptimizer(Optimizer):
    """An optimiser of Tensors by the rule of a functional optimiser.

    Parameters
    ----------
    params
        As for `Optimizer`.
    rule
        The functional optimiser; its options are the defaults of the groups.
    choices
        PyTorch's ``foreach``, ``fused`` and ``capturable``, which change nothing here, and ``differentiable``.

    Raises
    ------
    NotImplementedError
        If ``differentiable`` is asked for, which the functional form is.
    """

    #: Whether a step was made; schedulers ask, to warn of calls in the wrong order.
    has_stepped = False

    def __init__(self, params: Iterable[Any], rule: FunctionalOptimizer, choices: dict[str, Any]) -> None:
        name = type(self).__name__
        if choices.pop("differentiable", False):
            raise NotImplementedError(
                f"{name}(differentiable=True): steps write into the parameters. Use optim.functional.{name}, whose "
                f"update is a pure function that every transformation differentiates."
            )
        unknown = choices.keys() - _CHOICES
        if unknown:
            raise TypeError(f"{name}() got unexpected keyword arguments {sorted(unknown)}")
        self.rule = rule
        super().__init__(params, dict(rule.options))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self.rule.check(self.param_groups[-1])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.has_stepped = True
        rule, states = self.rule, self.state
        before = switch(False)
        try:
            for group in self.param_groups:
                options = {name: number_of(group[name]) for name in self.defaults}
                for p in group["params"]:
                    gradient = p.grad
                    if gradient is not None:
                        value = writable(p, "the step of an optimizer")
                        state = states.get(p) or rule.begin(value, options)
                        states[p] = rule.advance_in_place(gradient.data, state, value, options)
                        record_write(value, "the step of an optimizer")
        finally:
            restore(before)
        return loss


def refuse_foreign_state(owner: Any, state_dict: Any, *names: str) -> None:
    """Raise if a state to be loaded has not the entries that its owner's `state_dict` gives."""
    if not isinstance(state_dict, Mapping) or not state_dict.keys() >= set(names):
        found = sorted(map(str, state_dict)) if isinstance(state_dict, Mapping) else f"a {type(state_dict).__name__}"
        raise ValueError(
            f"{type(owner).__name__}.load_state_dict takes what state_dict() gave, a dict with {', '.join(names)}; it "
            f"was given {found}"
        )


def number_of(option: Any) -> Any:
    """Return the value of an option, which may be a Tensor."""
    return option.item() if isinstance(option, Tensor) else option


def set_option(group: dict[str, Any], name: str, value: Any) -> None:
    """Set an option of a group; one that is a Tensor keeps its identity."""
    if isinstance(group.get(name), Tensor):
        with no_grad():
            group[name].fill_(value)
    else:
        group[name] = value


def _copied(value: Any, dtype: Any) -> Any:
    """Copy a loaded value; floating-point arrays in the precision of their parameter."""
    if isinstance(value, list | tuple):
        return type(value)(_copied(x, dtype) for x in value)
    if isinstance(value, np.ndarray | np.generic):
        fits = value.dtype.kind == "f" and dtype.kind == "f"
        return value.astype(dtype if fits else value.dtype)
    return deepcopy(value)
