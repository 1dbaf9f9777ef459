"""Fusion training: torch and numpy agree, training helps where it can, and everything repeats by seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import MODALITIES, FusionInfo, FusionKind
from mmpipe.errors import InvalidFeed
from mmpipe.fusion import build
from mmpipe.learn import fusion as trainer
from mmpipe.learn.fusion import Batches, FusionSettings, measure, split, train
from mmpipe.learn.fusion_forms import FusionForm, form_of, save
from mmpipe.learn.fusion_table import Table

DIM = 32
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


def unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def table(n: int = 400, seed: int = 0) -> Table:
    """Products of 8 types and 5 colours: the text knows both, the picture knows the type well, the colour
    too, and each has noise of its own."""
    rng = np.random.default_rng(seed)
    types, colours, own = (
        rng.standard_normal((8, DIM)),
        rng.standard_normal((5, DIM)),
        rng.standard_normal((n, DIM)),
    )
    kind, colour = rng.integers(8, size=n), rng.integers(5, size=n)

    def view(*shape: int, noise: float) -> np.ndarray:
        base = types[kind] + colours[colour] + own
        base = base.reshape(n, *(1 for _ in shape[1:-1]), DIM)
        return unit(base + noise * rng.standard_normal(shape))

    return Table(
        text=view(n, DIM, noise=1.0),
        image=view(n, DIM, noise=1.0),
        asked_titles=view(n, 2, DIM, noise=2.0),
        asked_attributes=view(n, 2, DIM, noise=2.0),
        asked_images=view(n, 2, DIM, noise=2.0),
        kinds=unit(types[kind]),
        group=np.arange(n),
        type=kind,
        colour=colour,
        colours=unit(np.repeat(colours[:, None], 2, axis=1)),
    )


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
    learned, held = split(table(), 0.25)
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


def test_near_duplicates_are_on_one_side() -> None:
    products = table()
    doubled = products.subset(np.concatenate([np.arange(400), np.arange(400)]))
    learned, held = split(doubled, 0.3)
    assert len(learned) + len(held) == 800
    assert not set(learned.group.tolist()) & set(held.group.tolist())


def test_one_command_trains_from_a_table_and_installs_nothing_else(tmp_path: Path) -> None:
    table(200).save(tmp_path / "vectors.npz")
    command = ["--vectors", str(tmp_path / "vectors.npz"), "--out", str(tmp_path / "run"), "--steps", "3"]
    trainer.main(command)
    found = json.loads((tmp_path / "run" / "fusion.json").read_text())
    assert found["best"] in KINDS
    assert {"untrained", *KINDS} <= found.keys()
    assert fusion_file.describe(tmp_path / "run" / "fusion.safetensors").kind == found["best"]
    assert (
        sum(
            fusion_file.describe(tmp_path / "run" / f"{kind}.safetensors").weights["text"] > 0
            for kind in KINDS
        )
        == 3
    )


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", text=np.zeros(3))
    with pytest.raises(InvalidFeed, match="no table of vectors"):
        Table.load(tmp_path / "other.npz")
    with pytest.raises(InvalidFeed, match="no table of vectors"):
        Table.load(tmp_path / "missing.npz")
