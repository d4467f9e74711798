"""Cells of recurrent networks: one step from a state to the next, as functions of their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.activations import relu, sigmoid
from functorch_lite.tensor.layers import linear

__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return the next state ``tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)``.

    Parameters
    ----------
    input, hx
        The input and the state, of shapes (…, in) and (…, n).
    w_ih, w_hh
        Their weights, of shapes (n, in) and (n, n).
    b_ih, b_hh
        Vectors of length n, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> step = lambda w: ft.rnn_tanh_cell(ft.tensor([1.0]), ft.tensor([0.5]), w, ft.zeros(1, 1)).sum()
    >>> ft.grad(step)(ft.zeros(1, 1))
    tensor([[1.]])
    """
    return np.tanh(_gates(1, input, hx, w_ih, w_hh, b_ih, b_hh))


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return the next state ``relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)``.

    Parameters
    ----------
    input, hx, w_ih, w_hh, b_ih, b_hh
        As for `rnn_tanh_cell`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.rnn_relu_cell(ft.tensor([1.0]), ft.tensor([0.5]), ft.ones(1, 1), ft.ones(1, 1))
    tensor([1.5])
    """
    return relu(_gates(1, input, hx, w_ih, w_hh, b_ih, b_hh))


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """Return the next state and memory of a cell with long short-term memory.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997).

    Parameters
    ----------
    input
        The input, of shape (…, in).
    hx
        The pair of state and memory, of shapes (…, n).
    w_ih, w_hh
        The weights of input and state, of shapes (4 n, in) and (4 n, n): of the gates that let in, forget, of what is
        let in, and of the gate that lets out.
    b_ih, b_hh
        Vectors of length 4 n, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> h, c = ft.lstm_cell(ft.ones(1), (ft.zeros(1), ft.tensor([2.0])), ft.zeros(4, 1), ft.zeros(4, 1))
    >>> c  # the gates are half open, and nothing is let in
    tensor([1.])
    """
    state, memory = hx
    gates = _gates(4, input, state, w_ih, w_hh, b_ih, b_hh)
    n = shape_of(gates)[-1] // 4
    let_in, keep, new, let_out = (gates[..., k * n : (k + 1) * n] for k in range(4))
    memory = sigmoid(keep) * memory + sigmoid(let_in) * np.tanh(new)
    return sigmoid(let_out) * np.tanh(memory), memory


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return the next state of a gated recurrent unit.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation"
    (2014).

    Parameters
    ----------
    input, hx
        The input and the state, of shapes (…, in) and (…, n).
    w_ih, w_hh
        Their weights, of shapes (3 n, in) and (3 n, n): of the gates that reset and that keep, and of the new state.
    b_ih, b_hh
        Vectors of length 3 n, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.gru_cell(ft.ones(1), ft.tensor([2.0]), ft.zeros(3, 1), ft.zeros(3, 1))  # half of the state is kept
    tensor([1.])
    """
    _check("gru_cell", 3, hx, w_ih, w_hh)
    of_input, of_state = linear(input, w_ih, b_ih), linear(hx, w_hh, b_hh)
    n = shape_of(hx)[-1]
    reset, keep = (sigmoid((of_input + of_state)[..., k * n : (k + 1) * n]) for k in range(2))
    new = np.tanh(of_input[..., 2 * n :] + reset * of_state[..., 2 * n :])
    return new + keep * (hx - new)


def _gates(count: int, input: Any, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    _check("lstm_cell" if count == 4 else "rnn_cell", count, state, w_ih, w_hh)
    return linear(input, w_ih, b_ih) + linear(state, w_hh, b_hh)


def _check(name: str, count: int, state: Any, w_ih: Any, w_hh: Any) -> None:
    rows = count * shape_of(state)[-1]
    if shape_of(w_ih)[:1] != (rows,) or shape_of(w_hh)[:1] != (rows,):
        raise ValueError(
            f"{name} at {user_line()}: a state of shape {shape_of(state)} takes weights of {rows} rows, not of shapes "
            f"{shape_of(w_ih)} and {shape_of(w_hh)}"
        )
