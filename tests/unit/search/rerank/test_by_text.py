"""Searches whose best matches a cross-encoder judges: their order is what the model says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.encoders.published.cross_encoder import CrossEncoder
from mmpipe.search import EncodedQuery
from mmpipe.search.rerank import Judge, Worker
from mmpipe.search.rerank.cross_encoder import ByText
from mmpipe.settings import ModelSettings
from tests.unit.encoders import tiny_checkpoints
from tests.unit.search import catalogues


def test_the_order_is_the_models(tmp_path: Path) -> None:
    tiny_checkpoints.cross_encoder(tmp_path / "judge")
    model = CrossEncoder(str(tmp_path / "judge"), ModelSettings(device="cpu", dtype="float32"))
    titles = ["red dress", "blue shoes", "dog barking", "glass", "running shoes", "a summer dress"]
    products = [catalogues.product(f"p{n}", title) for n, title in enumerate(titles)]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    rows = np.array([version.row(f"p{n}") for n in (3, 1, 5, 0, 2, 4)], np.int32)
    worker = Worker("rerank")
    judge = Judge(ByText(model), worker, 50, 30.0)
    order = judge.order(version, EncodedQuery(text="red shoes"), rows, np.zeros(len(rows)))
    assert order is not None
    said = dict(
        zip(
            version.ids.ids(rows),
            model.scores("red shoes", [titles[n] for n in (3, 1, 5, 0, 2, 4)]),
            strict=True,
        )
    )
    assert len(set(said.values())) == len(titles)
    assert version.ids.ids(rows[order]) == sorted(said, key=lambda each: -said[each])
    assert judge.order(version, EncodedQuery(), rows, np.zeros(len(rows))) is None, "there is nothing to read"
    worker.close()
