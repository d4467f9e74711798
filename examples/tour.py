"""A tour of functorch_lite on real data: train, look inside, fit, say how sure, check, draw.

The two studies are programs of their own: ``digits.py`` trains a network and asks its derivatives what it finds hard;
``diabetes.py`` fits a regression by Newton's method and takes its uncertainty from the Hessian. This program runs both,
compares the derivatives they use with differences, and draws what they found.

Run ``make demo``, or ``python examples/tour.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import diabetes
import digits
import numpy as np
from matplotlib.figure import Figure

import functorch_lite as ft

OUTPUT = Path(__file__).parent / "output" / "tour.png"

INK, ACCENT, PALE = "#1f3a5f", "#d1495b", "#8d99ae"


# --- Are the derivatives right? ---------------------------------------------------------------------------------------


def check_derivatives(network: digits.Study, seed: int) -> dict[str, bool]:
    """Compare the derivatives that were used with central differences, entry by entry, in forward and reverse mode."""
    image, label = network.data.images_held_out[0], network.data.labels_held_out[0]
    patients = diabetes.read_patients(seed)
    posterior = partial(diabetes.negative_log_posterior, x=patients.x, y=patients.y)
    theta = np.concatenate([np.linspace(-20.0, 20.0, patients.x.shape[1]), [150.0, 4.0]])
    agrees = partial(ft.gradcheck, check_forward_ad=True, raise_exception=False)
    return {
        "loss of an image, by parameters and pixels": agrees(digits.image_loss, (network.parameters, image, label)),
        "scores of the digits, by parameters and pixels": agrees(digits.scores, (network.parameters, image)),
        "log-posterior, by weights, offset and noise": agrees(posterior, theta),
        "its gradient, hence its Hessian": agrees(ft.grad(posterior), theta),
    }


# --- The picture ------------------------------------------------------------------------------------------------------


def draw_training(figure: Any, study: digits.Study) -> None:
    """Draw how the loss fell on both parts of the data."""
    axes = figure.subplots()
    epochs = np.arange(1, len(study.history.loss) + 1)
    axes.semilogy(epochs, study.history.loss, color=INK, linewidth=2, label="training images")
    axes.semilogy(epochs, study.history.loss_held_out, color=ACCENT, linewidth=2, label="held-out images")
    axes.set(xlabel="epoch", ylabel="mean cross-entropy", xlim=(1, max(2, epochs[-1])))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.suptitle(f"value_and_grad: a network learns digits, {study.accuracy:.1%} right on held-out images")


def draw_hardest(figure: Any, study: digits.Study) -> None:
    """Draw the held-out images with the largest gradients."""
    images, labels = study.data.images_held_out, study.data.labels_held_out
    chances = digits.probabilities(study.parameters, images)
    hardest = np.argsort(-study.gradient_norms)
    for axes, i in zip(figure.subplots(2, 5).flat, hardest, strict=False):
        digit = np.argmax(chances[i])
        axes.imshow(images[i].reshape(8, 8), cmap="gray_r")
        color = INK if digit == labels[i] else ACCENT
        axes.set_title(f"labelled {labels[i]}\nread as {digit} ({chances[i, digit]:.0%})", fontsize=9, color=color)
        axes.set(xticks=[], yticks=[])
    figure.suptitle("vmap(grad): the held-out images that pull hardest at the parameters")


def draw_pixels(figure: Any, study: digits.Study) -> None:
    """Draw how ink in each pixel changes the score of a digit, with the outline of the digit's mean image."""
    images, labels = study.data.images, study.data.labels
    limit = np.quantile(np.abs(study.pixel_effects), 0.99)
    panels = figure.subplots(2, 5)
    for digit, axes in enumerate(panels.flat):
        drawn = axes.imshow(study.pixel_effects[digit].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.contour(images[labels == digit].mean(axis=0).reshape(8, 8), [0.5], colors="black", linewidths=1)
        axes.set(xticks=[], yticks=[])
    figure.colorbar(drawn, ax=panels, location="bottom", shrink=0.6, aspect=40, label="∂ score / ∂ ink")
    figure.suptitle("vmap(jacobian): where ink speaks for a digit (red) and against it (blue)")


def draw_coefficients(figure: Any, study: diabetes.Study) -> None:
    """Draw the coefficients with their 95 % intervals, and the closed form over them."""
    axes = figure.subplots()
    order = np.argsort(study.weights)
    for place, i in enumerate(order):
        width = 1.96 * study.errors[i]
        color = INK if abs(study.weights[i]) > width else PALE
        axes.errorbar(study.weights[i], place, xerr=width, fmt="o", color=color, capsize=3, linewidth=2)
    closed_form = study.weights_closed_form[order]
    axes.plot(closed_form, range(len(order)), "x", color=ACCENT, markersize=9, zorder=3, label="scikit-learn's Ridge")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(yticks=range(len(order)), yticklabels=[diabetes.MEASUREMENTS[i] for i in order])
    axes.set_xlabel("points of disease progression per standard deviation, with 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.suptitle("hvp and hessian: what foretells the course of diabetes, and how surely")


def draw(network: digits.Study, regression: diabetes.Study, output: Path) -> None:
    """Save the four panels as one picture."""
    figure = Figure(figsize=(14, 8.4), layout="constrained")
    panels = figure.subfigures(2, 2, wspace=0.04, hspace=0.06)
    draw_training(panels[0, 0], network)
    draw_hardest(panels[0, 1], network)
    draw_pixels(panels[1, 0], network)
    draw_coefficients(panels[1, 1], regression)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=120, bbox_inches="tight", pad_inches=0.15)


# --- The tour ---------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> tuple[digits.Study, diabetes.Study, dict[str, bool]]:
    parser = argparse.ArgumentParser(description="A tour of functorch_lite on real data.")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the digits (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to save the picture (default: %(default)s)")
    options = parser.parse_args(arguments)
    start = time.perf_counter()

    print("Handwritten digits: a network with 32 hidden units, by Adam")
    network = digits.study(options.epochs, options.seed)
    digits.report(network)
    print("\nDiabetes: ridge regression with unknown noise σ, by Newton's method in a trust region")
    regression = diabetes.study(options.seed)
    diabetes.report(regression)
    print("\nDerivatives beside central differences")
    checks = check_derivatives(network, options.seed)
    for name, agrees in checks.items():
        print(f"  {name}: {'agree' if agrees else 'DIFFER'}")
    draw(network, regression, options.output)
    print(f"\nThe picture is in {options.output} ({time.perf_counter() - start:.0f} s)")
    return network, regression, checks


if __name__ == "__main__":
    main()
