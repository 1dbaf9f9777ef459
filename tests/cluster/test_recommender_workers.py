"""A sequence model that several workers train."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

pytest.importorskip("torch")

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from mmpipe.errors import MmpipeError
from mmpipe.learn.adapt.cluster import initialise
from mmpipe.learn.adapt.workers import Workers
from mmpipe.learn.recommend.holding import hold_out
from mmpipe.learn.recommend.train import TrainSettings, train
from mmpipe.learn.recommender.cluster import SharedSequenceModel, train_on_workers

SETTINGS = TrainSettings(dim=8, heads=1, layers=1, epochs=2, events=64, dropout=0.0, hidden=0.0)


def sequences() -> list[np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(1)
    return [rng.integers(0, 30, rng.integers(2, 9)).astype(np.int32) for _ in range(60)]


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    held = hold_out(sequences(), 7)
    trained = train(held.train, 30, None, SETTINGS, held=held, workers=Workers(rank, 2))
    torch.save(trained.network.state_dict(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.timeout(300)  # two processes that load torch, on busy cores
def test_two_workers_give_what_one_gives(tmp_path: Path) -> None:
    processes.spawn(_worker, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    held = hold_out(sequences(), 7)
    alone = train(held.train, 30, None, SETTINGS, held=held).network.state_dict()
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), name
        # Without dropout a step is the whole batch's, up to the order of sums in low precision.
        assert torch.allclose(first[name], value, atol=5e-3), name


@pytest.fixture
def cluster() -> Iterator[None]:
    """One that all trainings share."""
    initialise(2)
    yield
    ray.shutdown()


@pytest.mark.timeout(900)  # starting Ray takes minutes on a busy machine
@pytest.mark.usefixtures("cluster")
def test_ray_train_runs_the_workers() -> None:
    """The model as it is chosen and completed, two workers to each training."""
    model = SharedSequenceModel(SETTINGS, 2)
    held = hold_out(sequences(), 7)
    model.choose(held, 30, None)
    assert model.trained is not None
    chosen = model.trained.epochs
    assert 1 <= chosen <= SETTINGS.epochs
    model.complete(sequences(), 30, None)
    assert model.trained.epochs == chosen
    scores = model.scores([np.array([1, 2, 3], np.int32)])
    assert scores.shape == (1, 30)
    assert np.isfinite(scores).any()
    broken = (sequences(), 3, None, SETTINGS, None, 1)  # codes beyond the items there are
    with pytest.raises(MmpipeError, match="a training worker failed"):
        train_on_workers(2, broken)
