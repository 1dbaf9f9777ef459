"""The sequence model's forward pass without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.model.sequence import SequenceNet
from mmpipe.recommend.model.tensors import mapped

pytest.importorskip("torch")

import torch

from mmpipe.learn.recommend.sasrec import SasRec, SasRecConfig
from mmpipe.learn.recommend.train import scores

ITEMS = 60
FEATURES = np.random.default_rng(5).standard_normal((ITEMS, 12)).astype(np.float32)


def network(tmp_path: Path, **shape: int) -> SasRec:
    """A network whose weights are all far from their start."""
    torch.manual_seed(3)
    config = SasRecConfig(
        ITEMS, dim=16, heads=shape.get("heads", 2), layers=shape.get("layers", 2), max_len=9, features=12
    )
    made = SasRec(config, np.arange(ITEMS) < 50, FEATURES).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    made.save(tmp_path / "net.safetensors")
    return made


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2), (3, 4)])
@pytest.mark.parametrize("length", [1, 2, 8, 9, 30])
def test_scores_are_those_of_torch(tmp_path: Path, layers: int, heads: int, length: int) -> None:
    made = network(tmp_path, layers=layers, heads=heads)
    metadata, arrays = mapped(tmp_path / "net.safetensors")
    net = SequenceNet(metadata, arrays)
    history = np.random.default_rng(length).integers(0, ITEMS, length).astype(np.int32)
    wanted = scores(made, [history])[0]
    state = net.state(arrays["item_embedding"][history])
    found = arrays["item_embedding"] @ state
    assert np.abs(found - wanted).max() < 1e-4
    # What is new is scored by its features, as the network scores an item without behaviour.
    new = np.arange(50, ITEMS)
    query, offset = net.back(state)
    assert np.abs(FEATURES[new] @ query + offset - wanted[new]).max() < 1e-4
    assert np.abs(net.project(FEATURES[new]) @ state - wanted[new]).max() < 1e-4


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    network(tmp_path)
    metadata, arrays = mapped(tmp_path / "net.safetensors")
    with pytest.raises(ModelUnavailable, match="up"):
        SequenceNet(metadata, {n: a for n, a in arrays.items() if n != "layers.1.up.weight"})
    with pytest.raises(ModelUnavailable, match="no number"):
        SequenceNet(metadata, arrays | {"norm.bias": np.full(16, np.nan, np.float32)})
    with pytest.raises(ModelUnavailable, match="shape"):
        SequenceNet({"config": '{"dim": 16, "heads": 3, "layers": 2, "max_len": 9, "features": 12}'}, arrays)
    with pytest.raises(ModelUnavailable, match="shape"):
        SequenceNet({"config": "[]"}, arrays)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 7, b"\xff" * 40, b"\x05\0\0\0\0\0\0\0[[[[]" + b"\x00" * 9])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(damage)
    with pytest.raises(ModelUnavailable, match=r"x\.safetensors"):
        mapped(tmp_path / "x.safetensors")
