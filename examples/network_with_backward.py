"""One network in two styles: tensors with `backward` and `ft.optim.Adam`; pure functions of arrays.

The network is written once. With a dict of tensors it is trained as in PyTorch: `zero_grad`, `backward`, `step`. With
a dict of arrays it is trained as in JAX: `value_and_grad`, and an `update` that returns new parameters. Both styles are
one engine and one rule of Adam, so gradients and trained parameters agree to the last bit, as the last lines say.

Run ``python examples/network_with_backward.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from digits import Digits, Parameters, initial_parameters, minibatches, read_digits
from tqdm import tqdm

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - as everybody writes it
from functorch_lite import optim

RATE = 0.003


class Comparison(NamedTuple):
    """Both trained networks, how well they read the held-out images, and how far they are apart."""

    data: Digits
    with_backward: Parameters  # Tensors
    functional: Parameters  # arrays
    losses: list[float]  # after each pass over the images
    accuracy: float
    gradient_difference: float  # the largest, over all gradients of one batch at the trained parameters
    parameter_difference: float  # the largest, over all trained parameters


# --- The network, for tensors, arrays and whatever a transformation makes of them -------------------------------------


def scores(p: Parameters, images: Any) -> Any:
    """Return the log-probability of each digit, one row an image, up to what all of a row have in common."""
    return F.relu(images @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def mean_loss(p: Parameters, images: Any, labels: Any) -> Any:
    """Return the mean cross-entropy of a batch."""
    return F.cross_entropy(scores(p, images), labels)


# --- Two ways to train it ---------------------------------------------------------------------------------------------


def as_tensors(parameters: Parameters) -> Parameters:
    """Return copies of the parameters that remember what is computed from them."""
    return {name: ft.tensor(array, requires_grad=True) for name, array in parameters.items()}


def train_with_backward(data: Digits, epochs: int, seed: int) -> tuple[Parameters, list[float]]:
    """Train as in PyTorch: the parameters are tensors, which the optimiser changes in place."""
    rng = np.random.default_rng(seed)
    p = as_tensors(initial_parameters(rng))
    optimizer = optim.Adam(p.values(), lr=RATE)

    def step(images: Any, labels: Any) -> float:
        optimizer.zero_grad()
        loss = mean_loss(p, images, labels)
        loss.backward()
        optimizer.step()
        return float(loss)

    losses = list(passes("with backward", step, data, epochs, rng))
    return p, losses


def train_functional(data: Digits, epochs: int, seed: int) -> Parameters:
    """Train as in JAX: the parameters are a tree of arrays, and each step returns new ones."""
    rng = np.random.default_rng(seed)
    p = initial_parameters(rng)
    optimizer = optim.functional.Adam(lr=RATE)
    state = optimizer.init(p)

    def step(images: Any, labels: Any) -> float:
        nonlocal p, state
        loss, gradient = ft.value_and_grad(mean_loss)(p, images, labels)
        p, state = optimizer.update(gradient, state, p)
        return float(loss)

    for _ in passes("functional", step, data, epochs, rng):
        pass
    return p


def passes(
    name: str, step: Callable[[Any, Any], float], data: Digits, epochs: int, rng: np.random.Generator
) -> Iterator[float]:
    """Make one step a batch; give the mean loss of each pass over the images."""
    # disable=None draws the bar on a terminal only; the lines of tqdm.write appear everywhere.
    for epoch in tqdm(range(1, epochs + 1), desc=f"  {name}", unit=" epochs", leave=False, disable=None):
        batches = minibatches(len(data.images), 64, rng)
        loss = float(np.mean([step(data.images[chosen], data.labels[chosen]) for chosen in batches]))
        if epoch % max(1, epochs // 4) == 0:
            tqdm.write(f"  {name}: epoch {epoch:3d}, loss {loss:.4f}")
        yield loss


# --- Are they the same? -----------------------------------------------------------------------------------------------


def accuracy(p: Parameters, images: Any, labels: Any) -> float:
    """Return the share of images whose most probable digit is their label."""
    with ft.no_grad():
        return float((scores(p, images).argmax(axis=1) == labels).mean())


def largest_difference(tensors: dict[str, Any], arrays: Parameters) -> float:
    """Return the largest difference between tensors and the arrays of the same names."""
    return max(float(np.max(np.abs(x.data - arrays[name]))) for name, x in tensors.items())


def gradient_difference(arrays: Parameters, images: Any, labels: Any) -> float:
    """Return the largest difference between the gradients of the two styles at the same parameters."""
    p = as_tensors(arrays)
    mean_loss(p, images, labels).backward()
    return largest_difference({name: x.grad for name, x in p.items()}, ft.grad(mean_loss)(arrays, images, labels))


def compare(epochs: int, seed: int) -> Comparison:
    """Train in both styles from the same start on the same batches, and compare."""
    data = read_digits(seed)
    tensors, losses = train_with_backward(data, epochs, seed)
    arrays = train_functional(data, epochs, seed)
    return Comparison(
        data=data,
        with_backward=tensors,
        functional=arrays,
        losses=losses,
        accuracy=accuracy(tensors, data.images_held_out, data.labels_held_out),
        gradient_difference=gradient_difference(arrays, data.images, data.labels),
        parameter_difference=largest_difference(tensors, arrays),
    )


def main(arguments: Sequence[str] | None = None) -> Comparison:
    parser = argparse.ArgumentParser(description="Train a network with backward and in functional form.")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    options = parser.parse_args(arguments)
    result = compare(options.epochs, options.seed)
    print(f"  held-out accuracy {result.accuracy:.1%}")
    print(f"  largest difference between the gradients of the two styles: {result.gradient_difference:.0e}")
    print(f"  largest difference between the parameters after training:   {result.parameter_difference:.0e}")
    return result


if __name__ == "__main__":
    main()
