"""SASRec of RecTools, fitted on an interaction file's users without their last items.

    PYTHON benchmarks/rivals/rectools_sasrec.py --interactions FILE --out OUT.json [--cpu-minutes 60]
        [--minutes 600] [--length 50] [--threads 2]

``PYTHON`` has what benchmarks/requirements-recommenders.txt names. Settings are those under which the
package's authors and others report their best figures on such sets: full softmax, two blocks, batches of 128,
Adam at 1e-3. The last item of 2,048 users is kept back for its NDCG@10, which ends training and chooses the
epoch; everybody else's is trained on. No epoch begins after ``--cpu-minutes`` of this process's processor
time, from which what else the machine does takes nothing away, nor after ``--minutes`` on the clock. Writes
``{"lists": [[item, …10 …] a user], "seconds", "cpu_seconds", "epochs", "best_epoch", "validation",
"stopped", "length", "version"}``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

_TOP = 10
_VALIDATION_USERS = 2_048


class Gain(Callback):
    """NDCG@10 of the validation users, ``curve`` one an epoch; ends training after so many ``minutes`` of
    processor time or on the clock, and ``spent`` says which."""

    def __init__(self, cpu_minutes: float, minutes: float) -> None:
        self.curve: list[float] = []
        self.spent = ""
        self._cpu_until = time.process_time() + 60 * cpu_minutes
        self._until = time.monotonic() + 60 * minutes
        self._gains: list[torch.Tensor] = []

    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        logits = outputs["logits"]
        target = batch["y"].reshape(-1, 1)
        logits.scatter_(1, batch["x"], -torch.inf)  # what was seen, and the padding
        rank = (logits >= logits.gather(1, target)).sum(dim=1)
        self._gains.append(torch.where(rank <= _TOP, 1 / torch.log2(rank + 1.0), 0.0))

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        gain = torch.cat(self._gains).mean()
        self._gains = []
        self.log("ndcg", gain)
        self.curve.append(float(gain))
        print(f"epoch {trainer.current_epoch + 1}: validation ndcg@10 {gain:.5f},"
              f" {time.process_time():.0f} s of processor time", flush=True)  # fmt: skip
        if time.process_time() > self._cpu_until:
            self.spent = "processor time"
        elif time.monotonic() > self._until:
            self.spent = "the clock"
        trainer.should_stop = trainer.should_stop or bool(self.spent)


def validation_mask(interactions: pd.DataFrame) -> Any:
    """The last item of some users."""
    users = interactions[Columns.User].drop_duplicates().to_numpy()
    chosen = np.random.default_rng(7).choice(users, min(len(users), _VALIDATION_USERS), replace=False)
    last = interactions.groupby(Columns.User)[Columns.Datetime].rank(ascending=False, method="first") == 1
    return (interactions[Columns.User].isin(chosen) & last).to_numpy()


def main() -> None:
    """Fit, recommend, write."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--interactions", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--cpu-minutes", type=float, default=60.0)
    asked.add_argument("--minutes", type=float, default=600.0)
    asked.add_argument("--length", type=int, default=50, help="events of a history that it sees")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--factors", type=int, default=128)
    asked.add_argument("--dropout", type=float, default=0.2)
    given = asked.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    seed_everything(7)
    text = given.interactions.read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    rows = [
        (user, item, 1.0, place)
        for user, words in enumerate(lines)
        for place, item in enumerate(words[1:-1] if len(words) > 2 else words[1:])
    ]
    frame = pd.DataFrame(rows, columns=[Columns.User, Columns.Item, Columns.Weight, Columns.Datetime])
    frame[Columns.Datetime] = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame[Columns.Datetime], unit="D")
    dataset = Dataset.construct(frame)
    folder = tempfile.mkdtemp()
    gain = Gain(given.cpu_minutes, given.minutes)
    best = ModelCheckpoint(dirpath=folder, monitor="ndcg", mode="max", save_top_k=1, filename="best")

    def trainer() -> Trainer:
        return Trainer(
            accelerator="cpu", devices=1, precision="bf16-mixed", max_epochs=200,
            enable_progress_bar=False, enable_model_summary=False, logger=False, num_sanity_val_steps=0,
            callbacks=[gain, EarlyStopping("ndcg", mode="max", patience=6), best],
        )  # fmt: skip

    model = SASRecModel(
        n_factors=given.factors, n_blocks=2, n_heads=2, dropout_rate=given.dropout,
        session_max_len=given.length, loss="softmax", batch_size=128, lr=1e-3,
        get_val_mask_func=validation_mask, get_trainer_func=trainer, recommend_torch_device="cpu",
    )  # fmt: skip
    started, worked = time.perf_counter(), time.process_time()
    model.fit(dataset)
    model.load_weights_from_checkpoint(best.best_model_path or str(next(Path(folder).glob("*.ckpt"))))
    (gain,) = (each for each in model.fit_trainer.callbacks if isinstance(each, Gain))  # it fits with a copy
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    users = [user for user, words in enumerate(lines) if len(words) > 2]
    found = model.recommend(users, dataset, k=_TOP, filter_viewed=True, on_unsupported_targets="ignore")
    lists: dict[int, list[str]] = {}
    for user, item in zip(found[Columns.User], found[Columns.Item], strict=True):
        lists.setdefault(int(user), []).append(str(item))
    report = {
        "lists": [lists.get(user, []) for user in users],
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "epochs": len(gain.curve),
        "best_epoch": int(np.argmax(gain.curve)) + 1,
        "validation": max(gain.curve),
        "stopped": gain.spent or "no better validation",
        "length": given.length,
        "version": version("rectools"),
    }
    given.out.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
