"""Colourings of sparsity patterns: which columns of a matrix can be found by one product.

Columns of one colour share no row, so the product of the matrix with the sum of their unit vectors shows each entry by
itself. Of a symmetric matrix each entry may be read in its row or in its column, for which a *star colouring* is enough
(no path of four vertices has two colours only). Source: Gebremedhin, Manne and Pothen, "What Color Is Your Jacobian?
Graph Coloring for Computing Derivatives", SIAM Review 47 (2005); the star colouring is their algorithm 4.1.

Colours in use are bits of Python integers, one integer a row: the work is proportional to the number of entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["column_colours", "star_colours"]


def column_colours(pattern: Any) -> Any:
    """Colour the columns of a sparse pattern so that those of one colour share no row.

    Parameters
    ----------
    pattern
        A `scipy.sparse` array of shape (m, n).

    Returns
    -------
    ndarray
        The n colours, integers from 0. Columns are coloured greedily, in their own order and, where that is not
        perfect, also with the fullest first; the better result counts.
    """
    columns = pattern.tocsc()
    most = int(np.max(np.diff(pattern.tocsr().indptr), initial=0))  # no colouring can have fewer colours
    best = _greedy(columns, range(pattern.shape[1]))
    if np.max(best, initial=-1) >= most:
        other = _greedy(columns, np.argsort(-np.diff(columns.indptr), kind="stable").tolist())
        best = min(best, other, key=np.max)
    return best


def star_colours(pattern: Any) -> Any:
    """Colour the vertices of a symmetric pattern so that each entry can be read in its row or in its column.

    Parameters
    ----------
    pattern
        A symmetric `scipy.sparse` array of shape (n, n); the diagonal counts as present.

    Returns
    -------
    ndarray
        The n colours, integers from 0. For each entry (i, j) off the diagonal, j is the only neighbour of i of its
        colour, or i is the only one of j.
    """
    rows = pattern.tocsr()
    starts, neighbours = rows.indptr.tolist(), rows.indices.tolist()
    count = rows.shape[0]
    colours = [-1] * count
    seen = [0] * count  # the colours of the coloured neighbours, as bits
    for v in np.argsort(-np.diff(rows.indptr), kind="stable").tolist():
        around = neighbours[starts[v] : starts[v + 1]]
        forbidden = 0
        for w in around:
            if w == v:
                continue
            colour = colours[w]
            # A neighbour of w of the same colour as v is harmless only if w is coloured, and lower than both.
            forbidden |= seen[w] if colour < 0 else 1 << colour | seen[w] & ((1 << colour) - 1)
        bit = ~forbidden & (forbidden + 1)
        colours[v] = bit.bit_length() - 1
        for w in around:
            if w != v:
                seen[w] |= bit
    return np.array(colours, dtype=np.intp)


def _greedy(columns: Any, order: Any) -> Any:
    starts, rows = columns.indptr.tolist(), columns.indices.tolist()
    colours = np.zeros(columns.shape[1], dtype=np.intp)
    used = [0] * columns.shape[0]
    for j in order:
        entries = rows[starts[j] : starts[j + 1]]
        forbidden = 0
        for i in entries:
            forbidden |= used[i]
        bit = ~forbidden & (forbidden + 1)  # the lowest that is free
        colours[j] = bit.bit_length() - 1
        for i in entries:
            used[i] |= bit
    return colours
