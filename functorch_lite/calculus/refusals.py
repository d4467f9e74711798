"""What has no derivative here: functions refused by name, each with the reason and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.tables import REFUSED


def _refuse(reason: str, *functions: Callable[..., Any]) -> None:
    REFUSED.update(dict.fromkeys(functions, reason))


_refuse(
    "the shape of its result depends on the values. Take the positions of the distinct elements, "
    "i = np.unique(ft.stop_gradient(x), return_index=True)[1], and index by them, x[i]",
    np.unique,
    np.unique_all,
    np.unique_counts,
    np.unique_inverse,
    np.unique_values,
)
_refuse(
    "the shape of its result depends on the values. Select by a mask that np.isin makes, x[np.isin(x, y)], after "
    "np.concatenate for a union",
    np.intersect1d,
    np.setdiff1d,
    np.setxor1d,
    np.union1d,
)
_refuse(
    "a file cannot hold a derivative. Return the value from the function, through has_aux=True if it is not part of "
    "the result, and save what the transformation returns",
    np.save,
    np.savetxt,
    np.savez,
    np.savez_compressed,
)
_refuse(
    "dates have no derivative and are not batched. Compute with them outside the transformed function",
    np.busday_count,
    np.busday_offset,
    np.datetime_as_string,
    np.is_busday,
)
_refuse("it looks at the value of a number. Use np.result_type(x), which looks at the dtype", np.min_scalar_type)

_outdated = getattr(np, "in1d", None)  # NumPy 2.4 has it no more
if _outdated is not None:
    _refuse("its name is out of use. Write np.isin", _outdated)
