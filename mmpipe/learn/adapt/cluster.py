"""The training function on several workers, through Ray Train."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmpipe.errors import MmpipeError, ModelUnavailable
from mmpipe.learn.adapt.settings import Device
from mmpipe.learn.adapt.train import PROGRESS, Job, Stopped, train
from mmpipe.learn.adapt.workers import Workers

_POLL_SECONDS = 0.5

Report = Callable[[int, int, Mapping[str, float]], None]


def train_on_workers(job: Job, report: Report | None = None) -> None:
    """Run :func:`~mmpipe.learn.adapt.train.train` on ``job.settings.workers`` workers, and wait for them.

    On a running cluster (``RAY_ADDRESS``) or on this machine; CPU workers talk by gloo, GPU workers by NCCL.
    The run's folder must be on storage that every node sees. Raises :class:`ModelUnavailable` without Ray,
    :class:`Stopped` for Ctrl-C: what was saved last stays, and :class:`MmpipeError` where a worker failed.
    """
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise ModelUnavailable(
            f"several workers need Ray ({error.name} is missing): pip install 'mmpipe[serve]', or --workers 1"
        ) from error
    count = job.settings.workers
    started = not ray.is_initialized()
    if started:
        initialise(count)
    try:
        on_gpu = job.settings.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= count
        if job.settings.device == "cuda" and not on_gpu:
            raise MmpipeError(
                f"device: the cluster has fewer than {count} GPUs: take fewer --workers, or cpu"
            )
        trainer = TorchTrainer(
            _worker,
            train_loop_config=job.pack(),
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
            scaling_config=ScalingConfig(num_workers=count, use_gpu=on_gpu),
            run_config=RunConfig(
                name="workers",
                storage_path=str((job.folder / "ray").resolve()),
                failure_config=FailureConfig(max_failures=0),
            ),
        )
        with _Watch(job.folder / PROGRESS, report):
            _fit(trainer, job)
    finally:
        if started:
            ray.shutdown()


def initialise(count: int) -> None:
    """Reach the cluster of ``RAY_ADDRESS``, or start one here for so many workers. Raises
    :class:`MmpipeError`."""
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not os.environ.get("RAY_ADDRESS"):
        # One CPU a worker and one for whoever leads them, however many there are: threads are set apart.
        options |= {"address": "local", "num_cpus": count + 1, "include_dashboard": False}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises plain ones for a node that does not start
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise MmpipeError(
            f"Ray could not be reached or started: {reason[0]}; --workers 1 needs none"
        ) from error


def _fit(trainer: Any, job: Job) -> None:
    from ray.exceptions import RayError
    from ray.train import TrainingFailedError

    former = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit()
    except SystemExit:
        # Ray takes Ctrl-C itself, ends the workers, and then leaves.
        raise Stopped(_saved_step(job.folder)) from None
    except (TrainingFailedError, RayError) as error:
        raise failure(error) from error
    finally:
        if former is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, former)  # Ray leaves its own, which would end what comes next


def failure(error: Exception) -> MmpipeError:
    """What Ray raises of a training whose worker failed, as what the first of them said."""
    causes = getattr(error, "worker_failures", {}) or {0: error}
    first = causes[min(causes)]
    reason = str(getattr(first, "cause", None) or first).strip().splitlines()
    return MmpipeError(f"a training worker failed: {reason[-1] if reason else type(error).__name__}")


def _saved_step(folder: Path) -> int:
    path = folder / "state.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["step"]) if path.is_file() else 0


def _worker(config: dict[str, Any]) -> None:
    """What runs in each worker's process."""
    from dataclasses import replace

    import ray.train
    import torch
    from ray.train.torch import get_device

    context = ray.train.get_context()
    workers = Workers(context.get_world_rank(), context.get_world_size())
    job = Job.unpack(config)
    chosen = get_device()
    device: Device = "cuda" if chosen.type == "cuda" else "cpu"
    if device == "cuda":
        torch.cuda.set_device(chosen)  # workers of one node may see all of its GPUs
    torch.set_num_threads(threads_of(job.settings.threads, workers.size))
    folder = job.folder / PROGRESS
    train(
        replace(job, settings=replace(job.settings, device=device)),
        workers,
        report=_Teller(folder) if workers.first else None,
    )


def threads_of(wanted: int, workers: int) -> int:
    """CPU threads of one worker."""
    return wanted or max(1, len(os.sched_getaffinity(0)) // workers)


class _Teller:
    """Writes how far the run is to a file, not too often."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0

    def __call__(self, step: int, steps: int, figures: Mapping[str, float]) -> None:
        now = time.monotonic()
        if now - self._last < _POLL_SECONDS:
            return
        self._last = now
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps({"step": step, "steps": steps, **figures}), encoding="utf-8")
        draft.replace(self._path)


class _Watch:
    """Reads that file from another process and passes on what changed."""

    def __init__(self, path: Path, report: Report | None) -> None:
        self._path, self._report = path, report
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._report is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self._path.unlink(missing_ok=True)

    def _follow(self) -> None:
        assert self._report is not None
        last = -1
        while not self._done.wait(_POLL_SECONDS):
            try:
                found = json.loads(self._path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # not written yet
            step, steps = int(found.pop("step")), int(found.pop("steps"))
            if step != last:
                last = step
                self._report(step, steps, found)
