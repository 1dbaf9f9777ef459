"""What training models that recommend costs as the events grow: processor seconds by model.

    OMP_NUM_THREADS=1 python benchmarks/training_growth.py [--events 100000 1000000] [--items 20000]

The events of benchmarks/synthetic_events.py, a user for every twenty, as sequences: of each shopper the
products in the order of their first event, each once. Counting models and ``als`` are
fitted as training fits them; of the sequence model one pass over the events is timed (``sasrec_epoch``), and
ranking those by which it is stopped (``sasrec_watch``): a training makes as many of both as it takes. Prints
one JSON line for each size.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import synthetic_events
from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.learn.recommend.als import AlsModel
from mmpipe.learn.recommend.holding import hold_out
from mmpipe.learn.recommend.neighbours import KNN, NEXT, NeighbourModel
from mmpipe.learn.recommend.train import TrainSettings, ranks, train

_NOW = 1_796_000_000.0
_EVENTS_A_USER = 20
_WATCHED = 2_000


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--items", type=int, default=20_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for events in options.events:
        print(json.dumps(_measured(events, options.items)), flush=True)


def _measured(events: int, items: int) -> dict[str, Any]:
    sequences = _sequences(events, items)
    settings = TrainSettings(epochs=1)
    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        started = time.process_time()
        found = call()
        seconds[name] = round(time.process_time() - started, 2)
        return found

    for name, model in (
        ("item-knn", NeighbourModel(KNN)),
        ("next", NeighbourModel(NEXT)),
        ("als", AlsModel()),
    ):
        timed(name, lambda model=model: model.fit(sequences, items))
    held = hold_out(sequences, settings.seed)
    trained = timed("sasrec_epoch", lambda: train(held.train, items, None, settings, epochs=1))
    some = slice(0, _WATCHED)
    timed("sasrec_watch", lambda: ranks(trained.network, held.histories[some], held.targets[some]))
    return {
        "events": events,
        "items": items,
        "shoppers": len(sequences),
        "learnt_from": int(sum(map(len, sequences))),
        "cpu_seconds": seconds,
    }


def _sequences(events: int, items: int) -> list[Items]:
    """Of users who are named, what they acted on, each product once."""
    drawn = synthetic_events.draw(events, items=items, users=events // _EVENTS_A_USER, now=_NOW)
    known = np.flatnonzero(drawn.user >= 0)
    pairs = drawn.user[known].astype(np.int64) * items + drawn.item[known]
    _, first = np.unique(pairs, return_index=True)
    kept = known[np.sort(first)]
    order = np.argsort(drawn.user[kept], kind="stable")
    user, item = drawn.user[kept][order], drawn.item[kept][order]
    return np.split(item, np.flatnonzero(np.diff(user)) + 1)


if __name__ == "__main__":
    main()
