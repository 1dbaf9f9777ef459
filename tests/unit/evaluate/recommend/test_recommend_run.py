"""A model is fitted on the training part alone and asked of every user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmpipe.evaluate.recommend.interactions import Interactions, Items
from mmpipe.evaluate.recommend.run import Features, Scores, measure
from mmpipe.evaluate.recommend.splits import cold_items, last


class NextCode:
    """Foretells the code after the last one."""

    name = "next-code"
    trained: Sequence[Items] = ()
    items = 0

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        del features
        self.trained, self.items = sequences, items

    def scores(self, histories: Sequence[Items]) -> Scores:
        found = np.zeros((len(histories), self.items), dtype=np.float32)
        for row, history in zip(found, histories, strict=True):
            row[(history[-1] + 1) % self.items] = 1.0
        return found


def test_a_model_that_knows_is_always_right() -> None:
    sequences = [np.arange(u, u + 4, dtype=np.int32) for u in range(10)]
    data = Interactions(sequences, [str(i) for i in range(13)], None)
    model = NextCode()
    row = measure(model, last(data, 13, 0), 13).row()
    assert list(row) == [
        "users", "items", "model", "hr@10", "ndcg@10", "coverage", "train_seconds",
        "train_cpu_seconds", "seconds",
    ]  # fmt: skip
    assert (row["users"], row["items"], row["model"]) == (10, 13, "next-code")
    assert row["hr@10"] == row["ndcg@10"] == 1.0
    assert max(int(sequence[-1]) for sequence in model.trained) == 11


def test_new_items_have_figures_of_their_own() -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.permutation(30)[:6].astype(np.int32) for _ in range(60)]
    data = Interactions(sequences, [str(i) for i in range(30)], None)
    split = cold_items(data, 30, 1)
    row = measure(NextCode(), split, 30).row()
    assert row["cold_users"] + row["warm_users"] == row["users"]  # type: ignore[operator]
    whole = row["cold_users"] * row["cold_hr@10"] + row["warm_users"] * row["warm_hr@10"]  # type: ignore[operator]
    assert abs(whole / row["users"] - row["hr@10"]) < 1e-4  # type: ignore[operator]
