"""Losses against worked examples."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from mmpipe.learn.losses import (  # noqa: E402
    info_nce,
    multi_positive,
    siamese_margin,
    triplet_semi_hard,
)

ONE = torch.tensor(1.0)


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees) * math.pi / 180
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_info_nce_of_two_orthogonal_pairs() -> None:
    # Logits are the identity times s: each row gives -log(e^s / (e^s + 1)).
    vectors = unit(0, 90)
    for scale in (1.0, 5.0):
        expected = math.log(1 + math.exp(-scale))
        assert info_nce(vectors, vectors, torch.tensor(scale)).item() == pytest.approx(expected, rel=1e-5)


def test_info_nce_leaves_near_duplicates_out() -> None:
    left, right = unit(0, 0, 90), unit(0, 0, 90)
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    pair = math.log(1 + math.exp(-1))
    lonely = math.log(1 + 2 * math.exp(-1))
    assert info_nce(left, right, ONE, same).item() == pytest.approx((2 * pair + lonely) / 3, rel=1e-4)
    assert info_nce(left, right, ONE).item() > info_nce(left, right, ONE, same).item()


def test_multi_positive_averages_over_the_answers() -> None:
    queries, items = unit(0), unit(0, 0, 90)
    positive = torch.tensor([[True, True, False]])
    ignore = torch.zeros_like(positive)
    share = math.e / (2 * math.e + 1)
    # The other direction has one query only: its log-share is 0 for both answers.
    assert multi_positive(queries, items, ONE, positive, ignore).item() == pytest.approx(
        0.5 * -math.log(share), rel=1e-4
    )


def test_multi_positive_ignores_the_undecided() -> None:
    queries, items = unit(0), unit(0, 0, 90)
    positive = torch.tensor([[True, False, False]])
    ignore = torch.tensor([[False, True, False]])
    share = math.e / (math.e + 1)
    assert multi_positive(queries, items, ONE, positive, ignore).item() == pytest.approx(
        0.5 * -math.log(share), rel=1e-4
    )


def test_multi_positive_without_answers_is_zero_and_differentiable() -> None:
    queries = unit(0, 45).requires_grad_()
    none = torch.zeros(2, 2, dtype=torch.bool)
    loss = multi_positive(queries, unit(0, 90), ONE, none, none)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(queries.grad).all()


def test_triplet_takes_the_nearest_farther_negative() -> None:
    # Anchor at 0°, its item at 30°; negatives at 10° (nearer), 60° (semi-hard) and 180°.
    anchors, items = unit(0, 60, 180, 10), unit(30, 60, 180, 10)
    positive = torch.eye(4, dtype=torch.bool)
    only_first = positive.clone()
    only_first[1:] = True
    expected = (1 - math.cos(math.pi / 6)) - (1 - math.cos(math.pi / 3)) + 0.5
    assert triplet_semi_hard(anchors, items, only_first, margin=0.5).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_triplet_falls_back_to_the_farthest_negative() -> None:
    # Both negatives (20° and 40°) are nearer than the positive at 90°.
    anchors, items = unit(0, 20, 40), unit(90, 20, 40)
    positive = torch.eye(3, dtype=torch.bool)
    positive[1:] = True
    expected = 1.0 - (1 - math.cos(math.radians(40))) + 0.2
    assert triplet_semi_hard(anchors, items, positive).item() == pytest.approx(expected, rel=1e-5)


def test_siamese_margin() -> None:
    left, right = unit(0, 0), unit(90, 10)
    near = 2 * math.sin(math.radians(5))
    expected = 0.5 * (2.0 + (0.5 - near) ** 2) / 2
    loss = siamese_margin(left, right, torch.tensor([True, False]), margin=0.5)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
