"""The recipe's own losses against worked examples."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from training.losses import alignment, prototype_loss  # noqa: E402

ONE = torch.tensor(1.0)


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees) * math.pi / 180
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_prototypes_are_adjusted_by_the_prior() -> None:
    prior = torch.tensor([0.9, 0.1])
    loss = prototype_loss(unit(45), unit(0, 90), ONE, torch.tensor([1]), prior)
    assert loss.item() == pytest.approx(-math.log(0.1), rel=1e-5)
    both = prototype_loss(unit(45, 0), unit(0, 90), ONE, torch.tensor([1, -1]), prior)
    assert both.item() == pytest.approx(loss.item(), rel=1e-5)


def test_alignment_is_mean_cosine_distance() -> None:
    assert alignment(unit(0, 0), unit(0, 90)).item() == pytest.approx(0.5, abs=1e-6)
