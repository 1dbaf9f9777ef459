"""Fusion training: torch and numpy agree, training helps where it can, and everything repeats by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import MODALITIES, FusionInfo, FusionKind
from mmpipe.errors import InvalidFeed
from mmpipe.fusion import build
from mmpipe.learn.fusion import Batches, FusionSettings, measure, train
from mmpipe.learn.fusion_forms import FusionForm, form_of, save
from mmpipe.learn.fusion_table import Table
from tests.unit.learn.vectors import DIM, table, unit

KINDS: tuple[FusionKind, ...] = ("weighted_mean", "concat_projection", "gated_attention")
WEIGHTS = {"text": 0.5, "image": 0.35, "audio": 0.05, "video": 0.1}


def shaken(kind: FusionKind) -> FusionForm:
    """A form far from its start."""
    torch.manual_seed(1)
    form = form_of(kind, DIM, WEIGHTS)
    with torch.no_grad():
        for parameter in form.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return form


@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_numpy_agree(kind: FusionKind, tmp_path: Path) -> None:
    form = shaken(kind)
    rng = np.random.default_rng(2)
    vectors = unit(rng.standard_normal((64, 4, DIM)))
    there = rng.random((64, 4)) < 0.5
    there[:, 0] |= ~there.any(1)
    with torch.inference_mode():
        expected = form(torch.from_numpy(vectors), torch.from_numpy(there)).numpy()
    tensors = {name: tensor.numpy() for name, tensor in form.tensors().items()}
    by_name = {m: vectors[:, i] for i, m in enumerate(MODALITIES)}
    present = {m: there[:, i] for i, m in enumerate(MODALITIES)}
    weights = dict(zip(MODALITIES, torch.softmax(form.prior.detach(), 0).tolist(), strict=True))
    exact, _ = build(FusionInfo(kind, "1", weights), tensors).fuse(by_name, present)
    np.testing.assert_allclose(exact, expected, atol=1e-5)
    save(form, tmp_path / "fusion.safetensors")
    stored, _ = build(*fusion_file.read(tmp_path / "fusion.safetensors")).fuse(by_name, present)
    np.testing.assert_allclose(stored, expected, atol=1e-2)  # matrices are kept as float16


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_starts_at_the_weighted_mean(kind: FusionKind) -> None:
    vectors = torch.from_numpy(unit(np.random.default_rng(2).standard_normal((8, 4, DIM))))
    there = torch.tensor([[True, True, False, True]]).expand(8, 4)
    with torch.inference_mode():
        start = form_of(kind, DIM, WEIGHTS)(vectors, there)
        mean = 0.5 * vectors[:, 0] + 0.35 * vectors[:, 1] + 0.1 * vectors[:, 3]
    np.testing.assert_allclose(start, torch.nn.functional.normalize(mean, dim=1), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_repeats_by_seed_and_learns(kind: FusionKind) -> None:
    products, apart = table(), np.random.default_rng(2).random(400) < 0.25
    learned, held = products.subset(np.flatnonzero(~apart)), products.subset(np.flatnonzero(apart))
    lopsided = {"text": 0.97, "image": 0.01, "audio": 0.01, "video": 0.01}
    settings = FusionSettings(steps=40, batch=96)
    first, second = (train(learned, kind, lopsided, settings) for _ in range(2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    before, after = measure(form_of(kind, DIM, lopsided), held), measure(first, held)
    assert after["mixed"] > before["mixed"]
    assert after["score"] > before["score"]


def test_a_batch_depends_on_seed_and_step_alone_and_says_who_answers() -> None:
    products = table()
    batch, again = Batches(products, 3).step(5, 128), Batches(products, 3).step(5, 128)
    for name in ("asked", "documents", "positive", "ignore"):
        assert torch.equal(getattr(batch, name), getattr(again, name))
    assert not torch.equal(batch.asked[:64], Batches(products, 3).step(6, 128).asked[:64])
    assert batch.positive.diagonal().all()
    assert not (batch.positive & batch.ignore).any()
    assert batch.documents_there[:, :2].any(1).all()
    assert not batch.documents_there[:, :2].all()
    assert batch.asked_there[:, :2].any(1).all()
    assert not batch.asked_there[:, 2:].any()


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", text=np.zeros(3))
    with pytest.raises(InvalidFeed, match="no table of vectors"):
        Table.load(tmp_path / "other.npz")
    with pytest.raises(InvalidFeed, match="no table of vectors"):
        Table.load(tmp_path / "missing.npz")
