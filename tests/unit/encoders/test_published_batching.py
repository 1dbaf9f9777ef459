"""Batches stay within their budget and shrink when memory runs out."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mmpipe.encoders.base import Vectors  # noqa: E402
from mmpipe.encoders.published import batching, device  # noqa: E402
from mmpipe.encoders.published.batching import RECOVERY, Batcher  # noqa: E402
from mmpipe.errors import ModelUnavailable  # noqa: E402
from mmpipe.settings import ModelSettings  # noqa: E402


class Recorder:
    """Answers with each input's index; runs out of memory above ``room`` inputs."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.batches: list[list[int]] = []
        self.failed: list[int] = []

    def __call__(self, batch: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Vectors:
        if len(batch) > self.room:
            self.failed.append(len(batch))
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(batch.tolist())
        return batch.astype(np.float32)[:, None]


def test_padding_counts_against_the_budget() -> None:
    costs = [50, 3, 7, 200, 3, 20, 1]
    forward = Recorder()
    out = Batcher(budget=60, max_items=4).run(costs, 1, forward)
    assert out[:, 0].tolist() == list(range(7))
    for batch in forward.batches:
        assert len(batch) <= 4
        assert len(batch) == 1 or len(batch) * max(costs[i] for i in batch) <= 60
    assert forward.batches == [[6, 1, 4, 2], [5], [0], [3]]


def test_out_of_memory_halves_and_nothing_is_lost() -> None:
    batcher, forward = Batcher(budget=1e9, max_items=64), Recorder(room=20)
    out = batcher.run([1.0] * 100, 1, forward)
    assert out[:, 0].tolist() == list(range(100))
    assert forward.failed == [64, 32]
    assert max(map(len, forward.batches)) == 16
    # Later calls start with what worked, and after a while try more again.
    batcher.run([1.0] * 16, 1, forward)
    assert forward.failed == [64, 32]
    assert batcher.limit == 16
    for _ in range(RECOVERY):
        batcher.run([1.0], 1, forward)
    assert batcher.limit == 32


def test_one_input_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ModelUnavailable, match="single input"):
        Batcher(budget=1e9, max_items=4).run([1.0] * 5, 1, Recorder(room=0))


def test_vectors_of_another_shape_are_an_error() -> None:
    with pytest.raises(ModelUnavailable, match="do not fit together"):
        Batcher(budget=10, max_items=4).run([1.0], 2, Recorder())


def test_placement_follows_device_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def placed(**settings: str) -> tuple[str, torch.dtype]:
        found = device.place(ModelSettings.model_validate(settings))
        return found.device.type, found.dtype

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "has_amx", lambda: False)
    assert placed() == ("cpu", torch.float32)
    assert placed(dtype="bfloat16") == ("cpu", torch.bfloat16)
    with pytest.raises(ModelUnavailable, match="no GPU"):
        placed(device="cuda")
    monkeypatch.setattr(device, "has_amx", lambda: True)
    assert placed() == ("cpu", torch.bfloat16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert placed() == ("cuda", torch.bfloat16)
    assert placed(device="cpu", dtype="float32") == ("cpu", torch.float32)


def test_unit_keeps_zero_finite() -> None:
    assert np.isfinite(batching.unit(np.zeros((1, 3), np.float32))).all()
