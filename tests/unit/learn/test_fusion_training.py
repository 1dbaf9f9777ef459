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
from mmpipe.learn.adapt.export import fusion_form
from mmpipe.learn.fusion import Batches, FusionSettings, measure, train
from mmpipe.learn.fusion_forms import FusionForm, form_of, save
from mmpipe.learn.fusion_slots import Asking, SlotsForm, fit
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


def test_slots_are_fitted_kept_and_taken_up_again(tmp_path: Path) -> None:
    products, apart = table(), np.random.default_rng(2).random(400) < 0.25
    learned, held = products.subset(np.flatnonzero(~apart)), products.subset(np.flatnonzero(apart))
    form, again = (train(learned, "slots", WEIGHTS, FusionSettings()) for _ in range(2))
    tensors = form.tensors()
    for name, tensor in again.tensors().items():
        assert torch.equal(tensor, tensors[name])
    together = torch.cat([tensors["basis"], tensors["moved"]], dim=1)
    np.testing.assert_allclose(together.T @ together, np.eye(together.shape[1]), atol=1e-5)
    assert min(abs(float(tensors["shares"][0]) - tried) for tried in (0.3, 0.4, 0.5)) < 1e-3
    assert form.weights() == pytest.approx(WEIGHTS, abs=1e-3)
    save(form, tmp_path / "fusion.safetensors")
    carried = fusion_form(tmp_path / "fusion.safetensors")
    figures = measure(form, held)
    assert measure(carried, held)["score"] == pytest.approx(figures["score"], abs=0.01)
    assert figures["text"] > 0.3
    with pytest.raises(ValueError, match="no start"):
        form_of("slots", DIM, WEIGHTS)


def test_what_is_learnt_of_queries_of_both_is_what_slots_then_ask() -> None:
    products = table()
    asking = Asking(SlotsForm(WEIGHTS, fit(products, 0.4)))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in asking.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        expected = asking(torch.from_numpy(products.text), torch.from_numpy(products.image))
    vectors = torch.zeros(400, 4, DIM)
    vectors[:, 0], vectors[:, 1] = torch.from_numpy(products.text), torch.from_numpy(products.image)
    there = torch.zeros(400, 4, dtype=torch.bool)
    there[:, :2] = True
    asked = {share: SlotsForm(WEIGHTS, fit(products, 0.4) | asking.kept(share)).ask(vectors, there)
             for share in (0.0, 0.5, 1.0)}  # fmt: skip
    np.testing.assert_allclose(asked[1.0], expected, atol=1e-5)
    assert (asked[0.5] * expected).sum(1).mean() > (asked[0.0] * expected).sum(1).mean()


def test_slots_fill_what_is_missing_better_than_with_anything() -> None:
    """The text of a product tells its looks: by the fitted map its picture is nearer than by another."""
    products = table()
    tensors = fit(products, 0.4)
    turned = {**tensors, "looks": np.roll(tensors["looks"], 1, axis=1)}
    cosines = []
    for each in (tensors, turned):
        form = SlotsForm(WEIGHTS, each)
        vectors = torch.zeros(400, 4, DIM)
        vectors[:, 0], vectors[:, 1] = torch.from_numpy(products.text), torch.from_numpy(products.image)
        there = torch.zeros(400, 4, dtype=torch.bool)
        there[:, :2] = True
        whole = form(vectors, there)
        there[:, 1] = False
        cosines.append(float((whole * form(vectors, there)).sum(1).mean()))
    assert cosines[0] > cosines[1] + 0.1


def test_slots_know_what_their_maps_were_learnt_from() -> None:
    """Nearly all of a table's products are within reach of its maps, products of anything else are not."""
    products = table()
    tensors = fit(products, 0.4)
    rng = np.random.default_rng(4)
    stranger = rng.standard_normal(products.text.shape).astype(np.float32) @ tensors["basis"]
    stranger /= np.linalg.norm(stranger, axis=1, keepdims=True)
    for place, given in enumerate((products.image, products.text)):
        known, reach = tensors["known"][place], tensors["reach"][place]
        inside = given @ tensors["basis"] @ known[:-1] + known[-1]
        np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-4)
        assert np.mean(np.square(inside).sum(axis=1) <= reach) == pytest.approx(0.99, abs=0.01)
        outside = np.square(stranger @ known[:-1] + known[-1]).sum(axis=1)
        assert np.mean(outside <= reach) < 0.5
    apart = (products.image - products.text).mean(axis=0) @ tensors["basis"]
    np.testing.assert_allclose(tensors["gap"], apart, atol=1e-5)


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
