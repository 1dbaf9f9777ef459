"""The sequence model trained on several workers, through Ray Train.

Every worker makes the same batches and takes its share of their rows; gradients are added up, so that a step
is that of the whole batch (:mod:`mmpipe.learn.adapt.workers`). Sequences travel through Ray's object store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmpipe.errors import MmpipeError, ModelUnavailable
from mmpipe.learn.adapt.cluster import failure, initialise, threads_of
from mmpipe.learn.adapt.workers import Workers
from mmpipe.learn.recommend.train import SequenceModel, Trained, TrainSettings, train

if TYPE_CHECKING:
    from mmpipe.evaluate.recommend.interactions import Items
    from mmpipe.evaluate.recommend.run import Features
    from mmpipe.learn.recommend.holding import Held


class SharedSequenceModel(SequenceModel):
    """A sequence model whose trainings run on ``workers`` workers of a running cluster (``RAY_ADDRESS``), or
    of this machine."""

    def __init__(self, settings: TrainSettings, workers: int, *, name: str = "sasrec") -> None:
        super().__init__(settings, name=name)
        self._workers = workers

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """See :meth:`SequenceModel.choose`."""
        self.trained = self._train(held.train, items, features, held=held)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """See :meth:`SequenceModel.complete`."""
        epochs = 1 if self.trained is None else max(1, self.trained.epochs)
        self.trained = self._train(sequences, items, features, epochs=epochs)

    def _train(
        self,
        sequences: Sequence[Items],
        items: int,
        features: Features | None,
        *,
        held: Held | None = None,
        epochs: int | None = None,
    ) -> Trained:
        data = (list(sequences), items, features, self.settings, held, epochs)
        return train_on_workers(self._workers, data)


def train_on_workers(count: int, data: tuple[Any, ...]) -> Trained:
    """Train as :func:`mmpipe.learn.recommend.train.train` does, of which ``data`` are the arguments in their
    order. On several nodes their temporary folder must be on storage that all of them see.

    Raises :class:`ModelUnavailable` without Ray, :class:`MmpipeError` where a worker failed.
    """
    try:
        import ray
        from ray.exceptions import RayError
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise ModelUnavailable(
            f"several workers need Ray ({error.name} is missing): pip install 'mmpipe[serve]', or --workers 1"
        ) from error
    started = not ray.is_initialized()
    if started:
        initialise(count)
    try:
        with tempfile.TemporaryDirectory(prefix="mmpipe-workers-") as home:
            box = ray.remote(num_cpus=0)(_Box).remote()
            trainer = TorchTrainer(
                _worker,
                train_loop_config={"data": ray.put(data), "box": box},
                torch_config=TorchConfig(backend="gloo"),
                scaling_config=ScalingConfig(num_workers=count, use_gpu=False),
                run_config=RunConfig(
                    name="recommender", storage_path=home, failure_config=FailureConfig(max_failures=0)
                ),
            )
            try:
                trainer.fit()
            except (TrainingFailedError, RayError) as error:
                raise failure(error) from error
            trained: Trained | None = ray.get(box.get.remote())
    finally:
        if started:
            ray.shutdown()
    if trained is None:
        raise MmpipeError("the training's workers ended without a result")
    return trained


class _Box:
    """Where the first worker puts what was trained."""

    def __init__(self) -> None:
        self._held: Trained | None = None

    def put(self, trained: Trained) -> None:
        self._held = trained

    def get(self) -> Trained | None:
        return self._held


def _worker(config: dict[str, Any]) -> None:
    """What runs in each worker's process."""
    import ray
    import ray.train
    import torch

    context = ray.train.get_context()
    workers = Workers(context.get_world_rank(), context.get_world_size())
    torch.set_num_threads(threads_of(0, workers.size))
    sequences, items, features, settings, held, epochs = ray.get(config["data"])
    trained = train(sequences, items, features, settings, held=held, epochs=epochs, workers=workers)
    if workers.first:
        ray.get(config["box"].put.remote(trained))
