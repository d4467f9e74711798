"""Functions by PyTorch's names: of tensors, traced arrays, arrays and numbers.

Where signatures agree they are NumPy's own functions, which dispatch; the others are the functions behind the methods,
and follow the rules of `functorch_lite.tensor.methods`. Of plain arrays they give what NumPy gives.
"""

# The table is easier to read in paragraphs.
# fmt: off
# isort: off
from numpy import (
    abs, absolute, acos, acosh, allclose, angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh,
    argwhere, asin, asinh, atan, atan2, atanh, atleast_1d, atleast_2d, atleast_3d, bitwise_and, bitwise_left_shift,
    bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, broadcast_shapes, ceil, clip, conj, copysign, cos,
    cosh, deg2rad, dot, dsplit, exp, exp2, expm1, float_power, floor, floor_divide, fmax, fmin,
    fmod, frexp, gcd, greater, greater_equal, heaviside, hsplit, hypot, imag, inner, isclose, isfinite, isin, isinf,
    isnan, isneginf, isposinf, isreal, kron, lcm, ldexp, less, less_equal, log, log1p, log2, log10, logaddexp,
    logaddexp2, logical_and, logical_not, logical_or, logical_xor, matmul, maximum, minimum, moveaxis, multiply,
    can_cast, finfo, iinfo, negative, nextafter, not_equal, outer, positive, promote_types, rad2deg, ravel, real,
    remainder, reshape, result_type, round, sign, signbit,
    sin, sinc, sinh, sqrt, square, swapaxes, tan, tanh, trace, trunc, unravel_index, vander, vdot, vsplit,
)
from numpy import conjugate as conj_physical
from numpy import equal as eq
from numpy import greater as gt
from numpy import greater_equal as ge
from numpy import less as lt
from numpy import less_equal as le
from numpy import multiply as mul
from numpy import negative as neg
from numpy import not_equal as ne
from numpy import outer as ger
from numpy import sign as sgn
from numpy import swapaxes as swapdims
from numpy import trunc as fix
from numpy.linalg import det, slogdet
from numpy.linalg import inv as inverse
from functorch_lite.calculus.taking import take
from functorch_lite.tensor.accumulating import index_add, index_reduce, scatter_add, scatter_reduce
from functorch_lite.tensor.activations import celu, erf, prelu, relu, selu, sigmoid
from functorch_lite.tensor.assembling import (
    block_diag, broadcast_tensors, cartesian_prod, combinations, diagonal_scatter, select_scatter, slice_scatter,
    unique_consecutive,
)
from functorch_lite.tensor.conversion import is_complex, is_floating_point, is_nonzero, is_same_size, is_signed, numel
from functorch_lite.tensor.diagonals import (
    diag, diag_embed, diagflat, diagonal, tril, tril_indices, triu, triu_indices,
)
from functorch_lite.tensor.draws import bernoulli, multinomial, normal, poisson
from functorch_lite.tensor.elementwise import (
    add, addcdiv, addcmul, clamp, clamp_max, clamp_min, div, equal, frac, lerp, logit, nan_to_num, polar,
    reciprocal, rsqrt, sub, view_as_complex, view_as_real, xlogy,
)
from functorch_lite.tensor.elementwise import complex_ as complex
from functorch_lite.tensor.elementwise import div as divide
from functorch_lite.tensor.elementwise import div as true_divide
from functorch_lite.tensor.elementwise import pow_ as pow
from functorch_lite.tensor.elementwise import sub as subtract
from functorch_lite.tensor.joining import (
    cat, chunk, column_stack, dstack, hstack, meshgrid, narrow, select, split, stack, tensor_split, unbind, vstack,
)
from functorch_lite.tensor.joining import cat as concat
from functorch_lite.tensor.joining import split as split_with_sizes
from functorch_lite.tensor.joining import vstack as row_stack
from functorch_lite.tensor.joining import cat as concatenate
from functorch_lite.tensor.layers import cosine_similarity, layer_norm
from functorch_lite.tensor.matrices import (
    addbmm, addr, adjoint, chain_matmul, cholesky_inverse, cholesky_solve, matrix_exp, renorm,
)
from functorch_lite.tensor.ordering import (
    aminmax, argsort, cummax, cummin, kthvalue, median, mode, msort, nanmedian, nanquantile, quantile, sort, topk,
)
from functorch_lite.tensor.ordering import max_ as max
from functorch_lite.tensor.ordering import min_ as min
from functorch_lite.tensor.products import (
    addmm, addmv, baddbmm, bmm, cdist, cholesky, corrcoef, cov, cross, dist, einsum, logdet, matrix_power, mm, mv,
    pinverse, qr, svd, tensordot,
)
from functorch_lite.tensor.putting import index_copy, index_fill, index_put, scatter
from functorch_lite.tensor.recurrent import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from functorch_lite.tensor.reductions import (
    amax, amin, argmax, argmin, count_nonzero, cumprod, cumsum, cumulative_trapezoid, diff, gradient, logcumsumexp,
    mean, nanmean, nansum, norm, prod, std, std_mean, trapezoid, var, var_mean,
)
from functorch_lite.tensor.reductions import trapezoid as trapz
from functorch_lite.tensor.reductions import all_ as all
from functorch_lite.tensor.reductions import any_ as any
from functorch_lite.tensor.reductions import sum_ as sum
from functorch_lite.tensor.selection import (
    bincount, bucketize, gather, index_select, masked_fill, masked_scatter, masked_select, nonzero, searchsorted,
    take_along_dim, unique, where,
)
from functorch_lite.tensor.shaping import (
    broadcast_to, flatten, flip, fliplr, flipud, movedim, permute, repeat_interleave, roll, rot90, squeeze, t, tile,
    transpose, unflatten, unsqueeze,
)
from functorch_lite.tensor.strides import as_strided
from functorch_lite.tensor.softmax import log_softmax, logsumexp, softmax
from functorch_lite.tensor.traced import clone_of as clone
from functorch_lite.tensor.traced import detached as detach
from functorch_lite.tensor.special_functions import (
    digamma, erfc, erfinv, i0, igamma, igammac, lgamma, mvlgamma, polygamma,
)

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr",
    "adjoint", "all", "allclose", "amax", "amin", "aminmax", "angle", "any", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "argwhere", "as_strided", "asin", "asinh",
    "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "baddbmm", "bernoulli", "bincount",
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "block_diag", "bmm", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "can_cast",
    "cartesian_prod", "cat", "cdist",
    "ceil", "celu", "chain_matmul", "cholesky", "cholesky_inverse", "cholesky_solve", "chunk", "clamp",
    "clamp_max", "clamp_min", "clip", "clone", "column_stack", "combinations", "complex", "concat", "concatenate",
    "conj", "conj_physical", "copysign", "corrcoef", "cos", "cosh", "cosine_similarity", "count_nonzero", "cov",
    "cross", "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "deg2rad", "det", "detach", "diag",
    "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "diff", "digamma", "dist", "div", "divide", "dot",
    "dsplit", "dstack", "einsum", "eq", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "finfo", "fix",
    "flatten", "flip", "fliplr", "flipud", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac",
    "frexp", "gather", "gcd", "ge", "ger", "gradient", "greater", "greater_equal", "gru_cell", "gt", "heaviside",
    "hsplit", "hstack", "hypot", "i0", "igamma", "igammac", "iinfo", "imag", "index_add", "index_copy", "index_fill",
    "index_put", "index_reduce", "index_select", "inner", "inverse", "is_complex", "is_floating_point",
    "is_nonzero", "is_same_size", "is_signed", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf",
    "isposinf", "isreal", "kron", "kthvalue", "layer_norm", "lcm", "ldexp", "le", "lerp", "less", "less_equal",
    "lgamma", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logaddexp2", "logcumsumexp", "logdet",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsumexp", "lstm_cell", "lt", "masked_fill",
    "masked_scatter", "masked_select", "matmul", "matrix_exp", "matrix_power", "max", "maximum", "mean", "median",
    "meshgrid", "min", "minimum", "mm", "mode", "moveaxis", "movedim", "msort", "mul", "multinomial", "multiply",
    "mv", "mvlgamma", "nan_to_num", "nanmean", "nanmedian", "nanquantile", "nansum", "narrow", "ne", "neg",
    "negative", "nextafter", "nonzero", "norm", "normal", "not_equal", "numel", "outer", "permute", "pinverse",
    "poisson", "polar", "polygamma", "positive", "pow", "prelu", "prod", "promote_types", "qr", "quantile",
    "rad2deg", "ravel", "real", "reciprocal", "relu", "remainder", "renorm", "repeat_interleave", "reshape",
    "result_type", "rnn_relu_cell", "rnn_tanh_cell",
    "roll", "rot90", "round", "row_stack", "rsqrt", "scatter", "scatter_add", "scatter_reduce",
    "searchsorted", "select", "select_scatter", "selu", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc",
    "sinh", "slice_scatter", "slogdet", "softmax", "sort", "split", "split_with_sizes", "sqrt", "square",
    "squeeze", "stack", "std", "std_mean", "sub", "subtract", "sum", "svd", "swapaxes", "swapdims", "t", "take",
    "take_along_dim", "tan", "tanh", "tensor_split", "tensordot", "tile", "topk", "trace", "transpose",
    "trapezoid", "trapz", "tril", "tril_indices", "triu", "triu_indices", "true_divide", "trunc", "unbind",
    "unflatten", "unique", "unique_consecutive", "unravel_index", "unsqueeze", "vander", "var", "var_mean",
    "vdot", "view_as_complex", "view_as_real", "vsplit", "vstack", "where", "xlogy",
]
