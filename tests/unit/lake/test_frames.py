"""The frame vectors of clips, as columns and through a table's life."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.lake import open_lake
from mmpipe.lake.frames import FRAME_COLUMNS, FRAMES, SECONDS, ClipFrames, clip_frames, frame_arrays
from mmpipe.lake.schema import ProductRow, build_table, products_schema
from mmpipe.schemas.product import Product
from mmpipe.settings import LakeSettings, Settings
from tests.unit.lake.rows import DIM, NOW, PROFILE, deletions, order


def clip(seed: int, frames: int) -> ClipFrames:
    vectors = np.random.default_rng(seed).normal(size=(frames, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return ClipFrames.of([0.5 * n for n in range(frames)], vectors)


def rows(clips: dict[str, ClipFrames | None], n: int = 1) -> pa.Table:
    products = [ProductRow(Product(id=i, title=i), order(n), "run", NOW) for i in clips]
    return build_table(products, {}, DIM, list(clips.values()))


def read(table: pa.Table) -> dict[str, ClipFrames | None]:
    ids = table.column("id").to_pylist()
    return {
        ids[i]: clip_frames(table.column(SECONDS)[i], table.column(FRAMES)[i], DIM) for i in range(len(ids))
    }


def assert_same(found: ClipFrames | None, expected: ClipFrames | None) -> None:
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert found.vectors.dtype == np.float16
    assert np.array_equal(found.vectors, expected.vectors)
    assert np.array_equal(found.seconds, expected.seconds)


def test_clips_of_any_length_come_back_as_they_went_in() -> None:
    given = {"a": clip(1, 3), "b": None, "c": clip(2, 1), "d": None}
    table = rows(given)
    assert table.schema == products_schema(DIM)
    for product_id, found in read(table).items():
        assert_same(found, given[product_id])
    assert table.column(FRAMES).null_count == table.column(SECONDS).null_count == 2


def test_without_clips_both_columns_are_null() -> None:
    table = build_table([ProductRow(Product(id="a", title="a"), order(1), "run", NOW)], {}, DIM)
    for each in (table, deletions(["a"], 2)):
        assert [each.column(name).null_count for name in FRAME_COLUMNS] == [1, 1]


def test_half_precision_keeps_which_frame_is_nearest() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(8, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = ClipFrames.of(list(range(8)), vectors).vectors.astype(np.float32)
    assert np.abs(kept - vectors).max() <= 2.0**-11
    queries = rng.normal(size=(50, 256)).astype(np.float32)
    assert np.array_equal((queries @ kept.T).argmax(axis=1), (queries @ vectors.T).argmax(axis=1))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 times"):
        ClipFrames.of([0.0, 1.0], np.zeros((1, DIM), np.float32))
    with pytest.raises(ValueError, match=f"expected \\(1, {DIM}\\)"):
        frame_arrays([ClipFrames.of([0.0], np.zeros((1, DIM + 1), np.float32))], DIM)
    with pytest.raises(ValueError, match="one entry for each of 1 rows"):
        build_table([ProductRow(Product(id="a", title="a"), order(1), "run", NOW)], {}, DIM, [None, None])


def test_they_survive_writes_and_maintenance(tmp_path: Path) -> None:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path)))
    table = open_lake(settings).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(rows({"a": clip(1, 3), "b": clip(2, 2), "c": None}))
    table.upsert(rows({"b": clip(3, 8)}, n=2))
    table.refresh(rows({"c": clip(4, 1)}))
    table.upsert(deletions(["a"], 3))
    table.maintain()
    found = read(table.fetch(["a", "b", "c"], ["id", *FRAME_COLUMNS]))
    for product_id, expected in {"a": None, "b": clip(3, 8), "c": clip(4, 1)}.items():
        assert_same(found[product_id], expected)
