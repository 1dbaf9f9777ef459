"""What a training run on a catalogue can be told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

from mmpipe.errors import InvalidRequest

LossKind = Literal["infonce", "triplet", "siamese"]
HardNegatives = Literal["none", "same-type", "nearest"]
Balance = Literal["none", "sampling", "weighting"]
Device = Literal["auto", "cpu", "cuda"]
Tower = Literal["text", "image", "audio"]

SLICE = 16
"""Rows whose random views are drawn together; each worker has whole slices, so that the batch is the same
however many workers share it."""

LEAST_PAIRS = 50
SCRATCH = "scratch"
_MARGINS: dict[LossKind, float] = {"infonce": 0.0, "triplet": 0.2, "siamese": 1.0}


@dataclass(frozen=True, slots=True)
class AdaptSettings:
    """A run; every field but ``device``, ``workers`` and ``threads`` changes the result.

    ``learning_rate`` None takes 1e-4 from a parent and 1.5e-3 for fresh towers.
    ``margin`` is that of triplet loss (cosine) or of Siamese loss (Euclidean); None takes 0.2 and 1.0.
    ``stay`` is how much staying near the parent's vectors counts. ``patience`` counts held-out measurements
    without improvement. ``threads`` 0 takes all CPUs, shared by the workers.
    """

    loss: LossKind = "infonce"
    epochs: int = 20
    batch: int = 128
    learning_rate: float | None = None
    margin: float | None = None
    hard_negatives: HardNegatives = "nearest"
    balance: Balance = "none"
    augment: bool = True
    freeze: tuple[Tower, ...] = ()
    stay: float = 0.5
    held_out: float = 0.2
    patience: int = 5
    seed: int = 17
    device: Device = "auto"
    workers: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        """Raises :class:`InvalidRequest` naming the option."""
        for name, value, known in (
            ("loss", self.loss, get_args(LossKind)),
            ("hard-negatives", self.hard_negatives, get_args(HardNegatives)),
            ("balance", self.balance, get_args(Balance)),
            ("device", self.device, get_args(Device)),
            *(("freeze", tower, get_args(Tower)) for tower in self.freeze),
        ):
            if value not in known:
                raise InvalidRequest(name, f"{value!r} is none of {', '.join(known)}")
        if {"text", "image"} <= set(self.freeze):
            raise InvalidRequest("freeze", "leaves nothing to train: let text or image be trained")
        for name, number in (("epochs", self.epochs), ("workers", self.workers), ("patience", self.patience)):
            if number < 1:
                raise InvalidRequest(name, f"{number} must be at least 1")
        if self.learning_rate is not None and not 0.0 < self.learning_rate <= 0.1:
            raise InvalidRequest("learning-rate", f"{self.learning_rate:g} must be above 0 and at most 0.1")
        if not 0.05 <= self.held_out <= 0.5:
            raise InvalidRequest("held-out", f"{self.held_out:g} must be a share from 0.05 to 0.5")
        for name, least in (("stay", self.stay), ("threads", self.threads)):
            if not least >= 0:
                raise InvalidRequest(name, f"{least:g} must not be negative")
        if self.margin is not None and not 0 < self.margin <= 2:
            raise InvalidRequest("margin", f"{self.margin:g} must be above 0 and at most 2")
        step = SLICE * self.workers
        if self.batch < step or self.batch % step:
            nearest = max(step, round(self.batch / step) * step)
            raise InvalidRequest(
                "batch", f"{self.batch} does not divide into {self.workers} × {SLICE} rows: take {nearest}"
            )

    @property
    def loss_margin(self) -> float:
        """The margin in force."""
        return _MARGINS[self.loss] if self.margin is None else self.margin


def default_name(parent: str, catalogue: str) -> str:
    """A profile name from what it is trained from and on: ``starter-spring-feed``."""
    stem = PurePosixPath(catalogue).name.partition(".")[0].lower()
    slug = re.sub(r"[^a-z0-9]+", "-", f"{parent}-{stem}").strip("-")
    return slug[:40].strip("-") or "adapted"
