"""The three losses train, mining follows its definition, and classes are balanced as promised."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from mmpipe.learn.adapt.batches import BLOCK, Sampler, category_numbers, class_weights, mine  # noqa: E402
from mmpipe.learn.adapt.settings import AdaptSettings, LossKind  # noqa: E402
from mmpipe.learn.adapt.step import contrast  # noqa: E402
from mmpipe.learn.losses import triplet_semi_hard  # noqa: E402

ROWS = 24


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_loss_pulls_pairs_together(kind: LossKind) -> None:
    torch.manual_seed(4)
    left = torch.nn.Parameter(torch.randn(ROWS, 16))
    right = torch.nn.Parameter(torch.randn(ROWS, 16))
    same = torch.eye(ROWS, dtype=torch.bool)
    margin = AdaptSettings(loss=kind).loss_margin
    optimiser = torch.optim.Adam([left, right], lr=0.05)
    losses = []
    for _ in range(80):
        units = F.normalize(left, dim=1), F.normalize(right, dim=1)
        loss = contrast(kind, *units, same, torch.tensor(10.0), margin)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    nearest = (F.normalize(left, dim=1) @ F.normalize(right, dim=1).T).argmax(1)
    assert (nearest == torch.arange(ROWS)).float().mean() > 0.9


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_what_is_no_negative_pushes_nobody(kind: LossKind) -> None:
    torch.manual_seed(5)
    left, right = (F.normalize(torch.randn(4, 8), dim=1) for _ in range(2))
    left[1], right[1] = right[0], left[0]  # each other's nearest
    right = right.requires_grad_()
    all_alike = torch.ones(4, 4, dtype=torch.bool)
    margin = AdaptSettings(loss=kind).loss_margin
    loss = contrast(kind, left, right, all_alike, torch.tensor(10.0), margin)
    (gradient,) = torch.autograd.grad(loss, right)
    if kind == "siamese":  # the positives alone: each item is pulled to its own partner
        pull = (gradient * (right - left)).sum(1)
        assert (pull > 0).all()
    else:
        assert loss.item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_weights_make_a_weighted_mean(kind: LossKind) -> None:
    torch.manual_seed(6)
    left, right = (F.normalize(torch.randn(6, 8), dim=1) for _ in range(2))
    same = torch.eye(6, dtype=torch.bool)
    margin = AdaptSettings(loss=kind).loss_margin
    scale = torch.tensor(5.0)
    plain = contrast(kind, left, right, same, scale, margin)
    ones = contrast(kind, left, right, same, scale, margin, torch.full((6,), 3.0))
    assert ones.item() == pytest.approx(plain.item(), rel=1e-5)
    skewed = contrast(kind, left, right, same, scale, margin, torch.tensor([1.0, 0, 0, 0, 0, 0]))
    assert skewed.item() != pytest.approx(plain.item(), rel=1e-3)


def test_semi_hard_mining_takes_the_nearest_negative_behind_the_positive() -> None:
    torch.manual_seed(7)
    left, right = (F.normalize(torch.randn(12, 4), dim=1) for _ in range(2))
    positive = torch.eye(12, dtype=torch.bool)
    positive[0, 5] = True
    distance = (1 - left @ right.T).tolist()
    terms = []
    for i in range(12):
        negatives = [distance[i][j] for j in range(12) if not positive[i, j]]
        behind = [d for d in negatives if d > distance[i][i]]
        chosen = min(behind) if behind else max(negatives)
        terms.append(max(0.0, distance[i][i] - chosen + 0.2))
    found = triplet_semi_hard(left, right, positive, 0.2).item()
    assert found == pytest.approx(sum(terms) / 12, rel=1e-5)


def skewed_categories() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return category_numbers(["shirts"] * 80 + ["belts"] * 12 + ["rings"] * 4)


def test_sampling_draws_every_category_equally_often() -> None:
    categories = skewed_categories()
    sampler = Sampler(categories, 32, 9, balance="sampling", hard="none")
    drawn = np.concatenate([sampler.rows(step) for step in range(3 * sampler.steps_per_epoch)])
    counts = np.bincount(categories[drawn])
    assert counts.max() - counts.min() <= 3
    rings = np.bincount(drawn, minlength=96)[92:]
    assert rings.max() - rings.min() <= 3  # whole passes before repeats
    plain = Sampler(categories, 32, 9, balance="none", hard="none")
    usual = np.bincount(categories[np.concatenate([plain.rows(step) for step in range(3)])])
    assert usual.tolist() == np.bincount(categories).tolist()


def test_weighting_gives_every_category_the_same_weight() -> None:
    categories = skewed_categories()
    weights = class_weights(categories)
    sums = np.bincount(categories, weights=weights)
    np.testing.assert_allclose(sums, sums[0], rtol=1e-5)
    assert weights.mean() == pytest.approx(1.0)


def test_same_type_blocks_bring_a_category_together() -> None:
    categories = np.repeat(np.arange(6), 32)
    hard = Sampler(categories, 64, 3, balance="none", hard="same-type")
    loose = Sampler(categories, 64, 3, balance="none", hard="none")

    def neighbours_alike(sampler: Sampler) -> float:
        rows = np.concatenate([sampler.rows(step) for step in range(sampler.steps_per_epoch)])
        return float((categories[rows[1:]] == categories[rows[:-1]]).mean())

    assert neighbours_alike(hard) > neighbours_alike(loose) + 0.25


def test_nearest_blocks_are_a_product_and_what_it_is_taken_for() -> None:
    n = 64
    neighbours = (np.arange(n)[:, None] + np.arange(1, BLOCK)) % n
    sampler = Sampler(np.zeros(n, np.int64), 32, 3, balance="none", hard="nearest")
    with pytest.raises(ValueError, match="neighbours"):
        sampler.rows(0)
    sampler.use(neighbours)
    rows = np.concatenate([sampler.rows(0), sampler.rows(1)]).tolist()
    runs = sum((b - a) % n == 1 for a, b in pairwise(rows))
    assert runs >= 4 * (BLOCK - 1)
    assert rows == np.concatenate([sampler.rows(0), sampler.rows(1)]).tolist()


def test_mining_leaves_out_products_of_the_same_title() -> None:
    angles = np.linspace(0, np.pi / 2, 30)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    twins = np.arange(30)
    twins[1] = 0
    found = mine(vectors, vectors, twins, 1, 0)
    assert found.shape == (30, BLOCK - 1)
    assert found[0].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert all(row not in found[row] for row in range(30))
