"""``mmpipe eval search`` end to end: real pipeline, real lake, fake models."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmpipe.errors import InvalidFeed, InvalidRequest
from mmpipe.evaluate import search_eval
from mmpipe.settings import IndexingSettings, Settings

COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250), "white": (250, 250, 250)}
SETTINGS = Settings(indexing=IndexingSettings(profile="fake"))


def photo(colour: tuple[int, int, int], size: int = 12) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def products(tmp_path: Path) -> Path:
    table = pa.table(
        {
            "id": [f"p-{name}" for name in COLOURS],
            "title": [f"{name.title()} mug" for name in COLOURS],
            "image": [photo(rgb) for rgb in COLOURS.values()],
            "glaze": ["matt"] * len(COLOURS),
        }
    )
    path = tmp_path / "products.parquet"
    pq.write_table(table, path)
    return path


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    lines = [json.dumps({"query": f"{name} mug", "relevant": [f"p-{name}"]}) for name in COLOURS]
    path.write_text("\n".join(lines))
    return path


def test_text_queries_find_products_by_their_text(products: Path, texts: Path) -> None:
    found = search_eval.run(SETTINGS, [products], texts, ["text"]).all
    assert found["queries"] == 4
    assert found["recall@1"] == found["mrr"] == found["ndcg@10"] == 1.0
    assert found["index_seconds"] > 0
    assert found["query_ms_p50"] > 0


def test_image_only_documents_keep_their_titles_out_of_the_index(products: Path, texts: Path) -> None:
    # The fake text vectors say nothing about pictures: with the titles out, only chance is left.
    found = search_eval.run(SETTINGS, [products], texts, ["image"]).all
    assert found["recall@1"] < 1.0
    assert found["recall@10"] == 1.0


def test_photo_queries_find_their_products(products: Path, tmp_path: Path) -> None:
    path = tmp_path / "photos.parquet"
    pq.write_table(
        pa.table(
            {
                "product_id": [f"p-{name}" for name in COLOURS],
                "image": [photo(rgb, size=20) for rgb in COLOURS.values()],
            }
        ),
        path,
    )
    assert search_eval.run(SETTINGS, [products], path, ["image", "text"]).all["recall@1"] == 1.0


def test_bad_input_is_named(products: Path, texts: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="products"):
        search_eval.run(SETTINGS, [], texts, ["text"])
    with pytest.raises(InvalidRequest, match="queries"):
        search_eval.run(SETTINGS, [products], tmp_path / "none.jsonl", ["text"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but nothing more")
    with pytest.raises(InvalidFeed, match=r"broken\.parquet"):
        search_eval.run(SETTINGS, [broken], texts, ["text"])


def test_queries_that_say_their_kind_are_counted_by_it(products: Path, tmp_path: Path) -> None:
    asked = [("plain", name) for name in ("red", "blue")] + [("typo", "grene")]
    path = tmp_path / "kinds.jsonl"
    rows = [{"query": f"{name} mug", "relevant": ["p-red"], "kind": kind} for kind, name in asked]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = search_eval.run(SETTINGS, [products], path, ["text"])
    assert {kind: figures["queries"] for kind, figures in found.by_kind.items()} == {"plain": 2, "typo": 1}
    assert found.all["queries"] == 3
    path.write_text(json.dumps({"query": "mug", "relevant": ["p-red"], "kind": 3}))
    with pytest.raises(InvalidRequest, match="kind"):
        search_eval.run(SETTINGS, [products], path, ["text"])
