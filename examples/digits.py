"""Handwritten digits: train a network, then ask its derivatives what it finds hard and where it looks.

`value_and_grad` trains it; `vmap` of `grad` gives one gradient an image; `vmap` of `jacobian` gives the effect of every
pixel on the score of every digit. The network and its loss are plain NumPy, written for one image.

Run ``python examples/digits.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import functorch_lite as ft

Parameters = dict[str, Any]
"""The weights ``W1``, ``W2`` and offsets ``b1``, ``b2`` of the network; any nested dicts, lists and tuples would do."""


STRENGTH = 0.15
"""How far pixels are moved in the trial of the network; they go from 0 to 1."""


class Digits(NamedTuple):
    """Images to learn from, and images held out to judge by."""

    images: Any
    images_held_out: Any
    labels: Any
    labels_held_out: Any


class History(NamedTuple):
    """The mean loss after each pass over the images."""

    loss: list[float]
    loss_held_out: list[float]


class Study(NamedTuple):
    """The trained network, and what its derivatives say about the held-out images."""

    data: Digits
    parameters: Parameters
    history: History
    accuracy: float
    gradient_norms: Any  # of each image's loss by all parameters
    gradient_error: float  # of the mean of the images' gradients, as the gradient of the mean loss
    pixel_effects: Any  # one row a digit
    accuracy_attacked: float  # when every pixel is moved against the label
    accuracy_noisy: float  # when every pixel is moved as much at random


# --- The network ------------------------------------------------------------------------------------------------------


def read_digits(seed: int) -> Digits:
    """Return 1797 images of 8 by 8 pixels, each a row of 64 numbers from 0 (paper) to 1 (ink), and their labels."""
    images, labels = load_digits(return_X_y=True)
    return Digits(*train_test_split(images / 16.0, labels, test_size=0.25, stratify=labels, random_state=seed))


def initial_parameters(rng: np.random.Generator, pixels: int = 64, hidden: int = 32, digits: int = 10) -> Parameters:
    """Return random weights, scaled so that what enters each layer has about unit size."""
    return {
        "W1": rng.normal(size=(pixels, hidden)) / np.sqrt(pixels),
        "b1": np.zeros(hidden),
        "W2": rng.normal(size=(hidden, digits)) / np.sqrt(hidden),
        "b2": np.zeros(digits),
    }


def scores(parameters: Parameters, image: Any) -> Any:
    """Return the log-probability of each digit for one image, up to what all of them have in common."""
    hidden = np.tanh(image @ parameters["W1"] + parameters["b1"])
    return hidden @ parameters["W2"] + parameters["b2"]


def image_loss(parameters: Parameters, image: Any, label: Any) -> Any:
    """Return the cross-entropy of one image: minus the log-probability of its label."""
    of_digits = scores(parameters, image)
    return np.logaddexp.reduce(of_digits) - of_digits[label]


def mean_loss(parameters: Parameters, images: Any, labels: Any) -> Any:
    """Return the mean cross-entropy of a batch: `vmap` turns the loss of one image into the losses of all."""
    return np.mean(ft.vmap(image_loss, in_axes=(None, 0, 0))(parameters, images, labels))


def probabilities(parameters: Parameters, images: Any) -> Any:
    """Return the probability of each digit, one row an image."""
    return softmax(ft.vmap(scores, in_axes=(None, 0))(parameters, images), axis=1)


def accuracy(parameters: Parameters, images: Any, labels: Any) -> float:
    """Return the share of images whose most probable digit is their label."""
    return float(np.mean(np.argmax(probabilities(parameters, images), axis=1) == labels))


# --- Training ---------------------------------------------------------------------------------------------------------


class AdamState(NamedTuple):
    """How many steps were taken, and running means of the gradient and of its square."""

    step: int
    mean: Parameters
    square: Parameters


def adam_start(parameters: Parameters) -> AdamState:
    """Return the state before the first step."""
    return AdamState(0, ft.tree.map(np.zeros_like, parameters), ft.tree.map(np.zeros_like, parameters))


def adam_step(
    parameters: Parameters, gradient: Parameters, state: AdamState, rate: float
) -> tuple[Parameters, AdamState]:
    """Return moved parameters and the new state, for any tree of arrays (Kingma and Ba, *Adam*, 2015)."""
    step = state.step + 1
    mean = ft.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.mean, gradient)
    square = ft.tree.map(lambda s, g: 0.999 * s + 0.001 * g**2, state.square, gradient)
    scale = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    moved = ft.tree.map(lambda p, m, s: p - scale * m / (np.sqrt(s) + 1e-8), parameters, mean, square)
    return moved, AdamState(step, mean, square)


def minibatches(count: int, size: int, rng: np.random.Generator) -> Iterator[Any]:
    """Give the numbers from 0 to count in random order, a few at a time."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def train(data: Digits, epochs: int, rng: np.random.Generator, rate: float = 0.003) -> tuple[Parameters, History]:
    """Return trained parameters and how the loss fell."""
    parameters = initial_parameters(rng)
    state, history = adam_start(parameters), History([], [])
    # disable=None draws the bar on a terminal only; the lines of tqdm.write appear everywhere.
    for epoch in tqdm(range(1, epochs + 1), desc="  training", unit=" epochs", leave=False, disable=None):
        losses = []
        for chosen in minibatches(len(data.images), 64, rng):
            loss, gradient = ft.value_and_grad(mean_loss)(parameters, data.images[chosen], data.labels[chosen])
            parameters, state = adam_step(parameters, gradient, state, rate)
            losses.append(loss)
        history.loss.append(float(np.mean(losses)))
        history.loss_held_out.append(float(mean_loss(parameters, data.images_held_out, data.labels_held_out)))
        if epoch % max(1, epochs // 4) == 0:
            share = accuracy(parameters, data.images_held_out, data.labels_held_out)
            tqdm.write(f"  epoch {epoch:3d}: loss {history.loss[-1]:.4f}, held-out accuracy {share:.1%}")
    return parameters, history


# --- Looking inside ---------------------------------------------------------------------------------------------------


def image_gradients(parameters: Parameters, images: Any, labels: Any) -> Parameters:
    """Return the gradient of each image's loss by the parameters: every leaf has one row an image."""
    return ft.vmap(ft.grad(image_loss), in_axes=(None, 0, 0))(parameters, images, labels)


def row_norms(gradients: Parameters) -> Any:
    """Return the norm of each image's gradient over all leaves: how hard it pulls at the parameters."""
    return np.sqrt(sum(np.sum(g**2, axis=tuple(range(1, g.ndim))) for g in ft.tree.leaves(gradients)))


def pixel_effects(parameters: Parameters, images: Any, labels: Any) -> Any:
    """Return how ink in each pixel raises the score of a digit over the mean score, in the mean over its images."""
    jacobians = ft.vmap(ft.jacobian(scores, argnums=1), in_axes=(None, 0))(parameters, images)  # each 10 by 64
    over_mean = jacobians - jacobians.mean(axis=1, keepdims=True)
    return np.stack([over_mean[labels == digit, digit].mean(axis=0) for digit in range(10)])


def attack(parameters: Parameters, images: Any, labels: Any, strength: float) -> Any:
    """Return images with every pixel moved a little where its own loss grows (Goodfellow et al., 2015)."""
    directions = np.sign(ft.vmap(ft.grad(image_loss, argnums=1), in_axes=(None, 0, 0))(parameters, images, labels))
    return np.clip(images + strength * directions, 0.0, 1.0)


def disturb(images: Any, strength: float, rng: np.random.Generator) -> Any:
    """Return images with every pixel moved as much at random."""
    return np.clip(images + strength * rng.choice([-1.0, 1.0], size=images.shape), 0.0, 1.0)


def study(epochs: int, seed: int) -> Study:
    """Train; rank the held-out images by their gradients; find the pixels that matter and push them."""
    data, rng = read_digits(seed), np.random.default_rng(seed)
    images, labels = data.images_held_out, data.labels_held_out
    parameters, history = train(data, epochs, rng)

    gradients = image_gradients(parameters, images, labels)
    whole = ft.grad(mean_loss)(parameters, images, labels)
    errors = ft.tree.map(lambda each, mean: np.max(np.abs(each.mean(axis=0) - mean)), gradients, whole)

    return Study(
        data=data,
        parameters=parameters,
        history=history,
        accuracy=accuracy(parameters, images, labels),
        gradient_norms=row_norms(gradients),
        gradient_error=float(max(ft.tree.leaves(errors))),
        pixel_effects=pixel_effects(parameters, images, labels),
        accuracy_attacked=accuracy(parameters, attack(parameters, images, labels, STRENGTH), labels),
        accuracy_noisy=accuracy(parameters, disturb(images, STRENGTH, rng), labels),
    )


def report(study: Study) -> None:
    """Print what was found."""
    labels = study.data.labels_held_out
    found = np.argmax(probabilities(study.parameters, study.data.images_held_out), axis=1)
    wrong = np.flatnonzero(found != labels)
    hardest = np.argsort(-study.gradient_norms)[: len(wrong)]
    print(f"  held-out accuracy {study.accuracy:.1%}: {len(wrong)} of {len(labels)} images are misread")
    print(f"  {len(np.intersect1d(wrong, hardest))} of these are among the {len(wrong)} with the largest gradients")
    print(f"  mean of the images' gradients, less the gradient of the mean loss: {study.gradient_error:.0e}")
    print(f"  accuracy with every pixel moved by {STRENGTH} against the label: {study.accuracy_attacked:.1%}; ", end="")
    print(f"at random: {study.accuracy_noisy:.1%}")


def main(arguments: Sequence[str] | None = None) -> Study:
    parser = argparse.ArgumentParser(description="Train a network on digits and look inside.")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    options = parser.parse_args(arguments)
    result = study(options.epochs, options.seed)
    report(result)
    return result


if __name__ == "__main__":
    main()
