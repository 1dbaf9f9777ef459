"""The blockwise cross entropy against torch's own."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from mmpipe.learn.recommend.softmax import cross_entropy  # noqa: E402


def test_loss_and_gradients_are_those_of_the_plain_formula() -> None:
    torch.manual_seed(0)
    states = torch.randn(700, 12)
    table = torch.randn(31, 12)
    targets = torch.randint(0, 31, (700,))
    shift = torch.randn(31)
    shift[5] = -math.inf
    targets[targets == 5] = 6
    ours = [states.clone().requires_grad_(), table.clone().requires_grad_()]
    theirs = [states.clone().requires_grad_(), table.clone().requires_grad_()]
    loss = cross_entropy(ours[0], ours[1], targets, shift)
    logits = theirs[0] @ theirs[1].T
    own = torch.nn.functional.one_hot(targets, 31).bool()
    expected = torch.nn.functional.cross_entropy(torch.where(own, logits, logits + shift), targets)
    (2 * loss).backward()
    (2 * expected).backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_half_precision_is_near() -> None:
    torch.manual_seed(0)
    states, table = torch.randn(64, 32), 0.1 * torch.randn(500, 32)
    targets = torch.randint(0, 500, (64,))
    exact, near = (
        cross_entropy(states, table, targets, torch.zeros(500), dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert near.item() == pytest.approx(exact.item(), rel=5e-3)


def test_drawn_rows_stand_for_the_others() -> None:
    # The expectation of the drawn sum is the whole sum: over many draws the loss comes near the full one.
    torch.manual_seed(0)
    states, table = torch.randn(4, 8), 0.5 * torch.randn(400, 8)
    targets = torch.tensor([0, 1, 2, 3])
    full = cross_entropy(states, table, targets, torch.zeros(400)).item()
    losses = []
    for _ in range(200):
        drawn = 4 + torch.randperm(396)[:100]
        rows = torch.cat([targets, drawn])
        shift = torch.cat([torch.full((4,), -math.inf), torch.full((100,), math.log(399 / 100))])
        losses.append(cross_entropy(states, table[rows], targets, shift).item())
    assert sum(losses) / len(losses) == pytest.approx(full, abs=0.05)
