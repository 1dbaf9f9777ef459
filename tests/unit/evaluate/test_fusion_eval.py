"""What fusion buys, measured on a tiny shop by the fake profile; queries are honest and repeat by seed."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from mmpipe.cli.evaluate import eval_app
from mmpipe.errors import InvalidRequest
from mmpipe.evaluate import fusion_eval
from mmpipe.evaluate.fusion_queries import another_photo, make_queries, partial_title
from mmpipe.schemas.product import Product
from mmpipe.settings import Settings

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (30, 160, 30)}
KINDS = ("lamp", "chair", "table")


def picture(colour: str, shade: int) -> bytes:
    pixels = np.clip(np.full((24, 24, 3), COLOURS[colour]) + shade, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"id": f"{kind}-{colour}-{n}", "title": f"brand{n} {colour} {kind} model{n}", "category": kind,
         "color": colour, "split": "dev" if n == 0 else "train", "image": picture(colour, 12 * n + 5 * k)}
        for k, kind in enumerate(KINDS) for colour in COLOURS for n in range(3)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("shop") / "feed.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def settings() -> Settings:
    return Settings(indexing={"profile": "fake"})


def test_every_way_of_asking_is_measured_and_repeats(shop: Path) -> None:
    report = fusion_eval.run(settings(), [shop], held_out=("split", "dev"), count=50)
    assert report == fusion_eval.run(settings(), [shop], held_out=("split", "dev"), count=50)
    assert report.products == 27
    assert report.queries == {"text": 9, "image": 9, "mixed": 9, "change": 9}
    assert report.modalities == {"text": 27, "image": 27}
    for way in report.ways.values():
        assert set(way.methods) == {"text alone", "image alone", "early/weighted_mean", "late", "hybrid"}
        assert set(way.dropped["early/weighted_mean"]) == {
            "text, target",
            "text, all",
            "image, target",
            "image, all",
        }
        for figures in way.methods.values():
            assert all(0 <= value <= 1 for value in figures.values())
    assert report.ways["text"].methods["text alone"]["mrr"] > 0.3  # a random order: 0.14


def test_dropping_a_modality_from_all_leaves_the_other_one_alone(shop: Path) -> None:
    report = fusion_eval.run(settings(), [shop], count=20)
    for way in ("text", "image"):
        found = report.ways[way]
        assert found.dropped["early/weighted_mean"]["image, all"] == found.methods["text alone"]
        assert found.dropped["early/weighted_mean"]["text, all"] == found.methods["image alone"]


def test_judged_queries_take_the_place_of_made_ones(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query": "brand1 red lamp model1", "relevant": ["lamp-red-1"]}\n', encoding="utf-8")
    report = fusion_eval.run(settings(), [shop], queries=path)
    assert report.queries == {"text": 1}
    assert report.ways["text"].methods["text alone"]["mrr"] == 1.0
    path.write_text('{"query": "brand1", "relevant": ["nothing-of-the-feed"]}\n', encoding="utf-8")
    with pytest.raises(InvalidRequest, match="names a product of the feeds"):
        fusion_eval.run(settings(), [shop], queries=path)


def test_bad_arguments_are_named(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="at least one feed"):
        fusion_eval.run(settings(), [])
    with pytest.raises(InvalidRequest, match="no file"):
        fusion_eval.run(settings(), [tmp_path / "missing.jsonl"])
    with pytest.raises(InvalidRequest, match="make queries of"):
        fusion_eval.run(settings(), [shop], held_out=("split", "nowhere"))


def test_the_command_prints_a_table(shop: Path) -> None:
    command = ["fusion", "--products", str(shop), "--profile", "fake", "--count", "6"]
    shown = CliRunner().invoke(eval_app, command)
    assert shown.exit_code == 0, shown.output
    assert "early/weighted_mean" in shown.output.replace("\n", "")
    lines = CliRunner().invoke(eval_app, [*command, "--markdown"]).stdout.strip().splitlines()
    assert lines[0] == "| asked by | method | recall@10 | mrr | precision@10 |"
    assert len({line.count("|") for line in lines}) == 1
    assert any(line.startswith("| mixed (6) | early/weighted_mean without text, target | ") for line in lines)
    found = json.loads(CliRunner().invoke(eval_app, [*command, "--json"]).stdout)
    assert found["ways"]["mixed"]["methods"].keys() == found["ways"]["text"]["methods"].keys()
    bad = CliRunner().invoke(eval_app, [*command, "--held-out", "split"])
    assert isinstance(bad.exception, InvalidRequest)


def test_a_changed_colour_asks_for_what_neither_half_says_alone() -> None:
    def of(row: int, colour: str, kind: str) -> Product:
        return Product(id=f"p{row}", title=f"{colour} {kind} {row}", color=colour, product_type=kind)

    products = [
        of(0, "red", "hat"),
        of(1, "blue", "hat"),
        of(2, "blue", "bag"),
        of(3, "blue", "hat"),
        of(4, "red", "cup"),
    ]
    pictures = {row: np.full((30, 30, 3), 100, np.uint8) for row in range(5)}
    queries = make_queries(products, pictures, [0, 4], seed=1)
    change = [query for query in queries if query.way == "change"]
    assert [(query.text, set(query.relevant)) for query in change] == [("blue", {1, 3})]
    mixed = next(query for query in queries if query.way == "mixed")
    assert mixed.relevant == frozenset({0})
    text = next(query for query in queries if query.way == "text")
    assert mixed.text == text.text


def test_half_a_title_in_order_and_another_photo_of_the_same_thing() -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    kept = partial_title(" ".join(words), random.Random(3)).split()
    assert kept == [word for word in words if word in kept]
    assert len(kept) == 3
    assert len(partial_title("红色连衣裙", random.Random(3))) == 3
    assert partial_title("solo", random.Random(3))
    original = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
    first, second = (another_photo(original, random.Random(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape != original.shape
    assert another_photo(np.zeros((1, 1, 3), np.uint8), random.Random(1)).shape[2] == 3
