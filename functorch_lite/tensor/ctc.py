"""Connectionist temporal classification (Graves et al., 2006): a loss of sequences whose alignment is not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.keys import as_indices
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.fitting import checked_index
from functorch_lite.tensor.losses import reduced
from functorch_lite.tensor.selection import at_hand
from functorch_lite.transforms.scans import scan

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Return minus the logarithm of the probability of label sequences, summed over all alignments with the inputs.

    Parameters
    ----------
    log_probs
        Logarithms of the probabilities of classes, of shape (T, N, C); of one example (T, C).
    targets
        Labels, of shape (N, S); of one example (S,); or the sequences of all examples in one vector.
    input_lengths, target_lengths
        How many of the T steps and of the S labels count: one number an example.
    blank
        The class that stands for no label.
    reduction
        ``"mean"`` (of the losses divided by the lengths of their targets), ``"sum"`` or ``"none"``.
    zero_infinity
        Whether losses of targets that do not fit into their inputs are zero, without a derivative.

    Returns
    -------
    array
        A number, or one an example.

    Notes
    -----
    Derivatives by ``log_probs`` are those of the formula. PyTorch returns others, which agree behind `log_softmax`.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> log_probs = np.log(np.full((3, 1, 2), 0.5))
    >>> float(np.exp(-F.ctc_loss(log_probs, np.array([[1]]), [3], [1])).round(6))  # 6 of 8 paths: not 000, not 101
    0.75
    """
    x, labels = as_array(log_probs), as_indices(targets)
    alone = x.ndim == 2
    x = np.expand_dims(x, 1) if alone else x
    if x.ndim != 3 or not x.shape[0] or labels.ndim not in (1, 2):
        raise ValueError(
            f"ctc_loss at {user_line()} takes log_probs of shape (T, N, C) or (T, C), and targets of shape (N, S) or "
            f"in one vector, not {shape_of(log_probs)} and {labels.shape}"
        )
    steps, size, classes = x.shape
    counts, lengths = (np.reshape(as_indices(n), (-1,)) for n in (input_lengths, target_lengths))
    if counts.shape != (size,) or lengths.shape != (size,):
        raise ValueError(
            f"ctc_loss at {user_line()}: give one length for each of {size} examples, not {counts.shape[0]} of inputs "
            f"and {lengths.shape[0]} of targets"
        )
    if labels.ndim == 1:
        labels = labels[None] if size == 1 else _as_rows(labels, np.asarray(at_hand(lengths)))
    width = labels.shape[1]
    counts = checked_index(counts, steps + 1, 0, f"ctc_loss: input length {{}} for {steps} steps")
    lengths = checked_index(lengths, width + 1, 0, f"ctc_loss: target length {{}} for {width} labels")
    labels = np.where(np.arange(width) < lengths[:, None], labels, blank)
    labels = checked_index(labels, classes, 0, f"ctc_loss: label {{}} is none of {classes} classes")

    # Blanks stand around the labels: a path goes from one place to itself or the next, or passes over a blank between
    # labels that differ.
    places = np.arange(2 * width + 1)
    around = np.reshape(np.stack([labels, np.full_like(labels, blank)], axis=-1), (size, 2 * width))
    around = np.pad(around, ((0, 0), (1, 0)), constant_values=blank)
    passes = np.pad(around[:, 2:] != around[:, :-2], ((0, 0), (min(2, len(places)), 0))) & (around != blank)
    seen = np.take_along_axis(x, np.broadcast_to(around, (steps, *around.shape)), axis=2)
    # Of an input without steps there is the empty path alone.
    first = np.where(places < 2, seen[0], -np.inf)
    first = np.where(counts[:, None] > 0, first, np.where(places == 0, 0, -np.inf))

    def step(paths: Any, now: Any) -> tuple[Any, None]:
        seen, number = now
        further = np.logaddexp(paths, _moved(paths, 1))
        further = np.logaddexp(further, np.where(passes, _moved(paths, 2), -np.inf)) + seen
        return np.where(number < counts[:, None], further, paths), None

    paths, _ = scan(step, first, (seen[1:], np.arange(1, steps))) if steps > 1 else (first, None)
    last = 2 * lengths[:, None]
    ends = np.where((places == last) | (places == last - 1), paths, -np.inf)
    if zero_infinity:  # away from where the logarithm has no derivative
        fits = np.any(ends > -np.inf, axis=1)
        losses = np.where(fits, -np.logaddexp.reduce(np.where(fits[:, None], ends, 0), axis=1), 0)
    else:
        losses = -np.logaddexp.reduce(ends, axis=1)
    if reduction == "mean":
        losses = losses / np.maximum(lengths, 1)
    return reduced(losses[0] if alone and reduction == "none" else losses, reduction).astype(x.dtype)


def _as_rows(labels: Any, lengths: Any) -> Any:
    """Return the sequences of a vector that holds one after the other, filled up to the longest."""
    if lengths.sum() != labels.shape[0]:
        raise ValueError(
            f"ctc_loss at {user_line()}: target_lengths add up to {lengths.sum()}; there are {labels.shape[0]} labels"
        )
    begins = np.cumsum(lengths) - lengths
    places = begins[:, None] + np.arange(lengths.max(initial=0))
    return labels[np.minimum(places, max(labels.shape[0] - 1, 0))]


def _moved(paths: Any, by: int) -> Any:
    """Move the probabilities of paths on to places further behind."""
    by = min(by, shape_of(paths)[1])
    return np.pad(paths[:, : shape_of(paths)[1] - by], ((0, 0), (by, 0)), constant_values=-np.inf)
