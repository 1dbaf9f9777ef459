"""Any feed becomes training items; what is wrong with it is counted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmpipe.errors import InvalidFeed, InvalidRequest
from mmpipe.learn.catalogue_data import CatalogueData, load_catalogue, read_catalogue, split_items
from mmpipe.learn.catalogue_words import twin_key
from mmpipe.settings import FeedSettings, MediaSettings, Settings


def picture(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 25), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def read(folder: Path, rows: list[dict[str, Any] | str], settings: Settings | None = None) -> CatalogueData:
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "feed.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return read_catalogue(str(folder / "feed.jsonl"), folder / "data", settings or Settings())


def test_words_and_media_of_every_product(data: CatalogueData) -> None:
    assert len(data) == len(data.pairs) == 72
    assert [item.id for item in data.items] == sorted(item.id for item in data.items)
    (item,) = [item for item in data.items if item.frames[1]]
    assert len(item.titles) == 2
    assert any("\u4e00" <= c <= "\u9fff" for c in item.titles[1])
    assert item.terms["type"].startswith("type/")
    assert item.document.startswith(item.titles[0])
    assert data.pictures.dtype == np.uint8
    assert data.pictures.shape[1:] == (160, 128, 3)
    assert isinstance(data.pictures, np.memmap)
    sounding = [item for item in data.items if item.clips[1]]
    assert data.report.recordings == len(sounding) == len(data.mels) > 0
    assert data.mels.shape[1:] == (64, 400)


def test_what_is_wrong_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "good.png").write_bytes(picture())
    (tmp_path / "shop" / "broken.png").write_bytes(picture()[:30])
    (tmp_path / "secret.png").write_bytes(picture())
    data = read(
        tmp_path / "shop",
        [
            {"id": "a", "title": "Red dress", "image_link": "good.png"},
            {"id": "b", "title": "Broken photo", "image_link": "broken.png"},
            {"id": "c", "title": "Photo from outside", "image_link": "../secret.png"},
            {"id": "d", "title": "Photo from a file", "image_link": f"file://{tmp_path}/secret.png"},
            {"id": "e", "title": "No photo"},
            {"id": "f", "title": ""},
            "{ this is no JSON",
        ],
    )
    assert [item.id for item in data.items] == ["a", "b", "c", "d", "e"]
    assert data.pairs.tolist() == [0]
    report = data.report
    assert (report.rows, report.rejected_rows, report.rejected_media) == (7, 2, 3)
    assert report.fields["image_link"] == 3
    assert any("title" in example for example in report.examples)


def test_limits_are_those_of_indexing(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "good.png").write_bytes(picture())
    small = Settings(media=MediaSettings(max_image_pixels=100), feeds=FeedSettings())
    data = read(tmp_path / "shop", [{"id": "a", "title": "Dress", "image_link": "good.png"}], small)
    assert data.report.pairs == 0
    assert "pixels" in data.report.examples[0]


def test_the_last_row_of_an_id_counts_and_a_deletion_removes(tmp_path: Path) -> None:
    data = read(
        tmp_path / "shop",
        [
            {"id": "a", "title": "Old title"},
            {"id": "b", "title": "Sold"},
            {"id": "a", "title": "New title"},
            {"id": "b", "_op": "delete"},
        ],
    )
    assert [item.titles for item in data.items] == [("New title",)]
    assert data.report.deleted == 1


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    rows: list[dict[str, Any] | str] = [
        {"id": "a", "title": "Red dress", "image_link": "a.png", "price": "3 USD"},
        {"id": "b", "title": "Blue dress"},
    ]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.png").write_bytes(picture())
    first = read(tmp_path / "shop", rows).fingerprint
    assert read(tmp_path / "shop", rows[::-1]).fingerprint == first
    assert len(first) == 64
    (tmp_path / "shop" / "a.png").write_bytes(picture((0, 0, 255)))
    second = read(tmp_path / "shop", rows).fingerprint
    assert second != first
    changed: list[dict[str, Any] | str] = [*rows[:1], {"id": "b", "title": "Green dress"}]
    assert read(tmp_path / "shop", changed).fingerprint != second


def test_no_feed_and_no_data_say_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="there is no feed"):
        read_catalogue(str(tmp_path / "missing.jsonl"), tmp_path / "data", Settings())
    with pytest.raises(InvalidFeed, match="no readable training data"):
        load_catalogue(tmp_path)


def test_held_out_products_are_whole_groups_and_stay_held_out(data: CatalogueData) -> None:
    split = split_items(data, 0.3, 7)
    parts = [set(part.tolist()) for part in (split.train, split.watch, split.judge)]
    assert set.union(*parts) == set(data.pairs.tolist())
    assert sum(len(part) for part in parts) == len(data.pairs)
    for key in ("group", "twin"):
        names = [{getattr(data.items[i], key) for i in part} for part in parts]
        assert sum(len(each) for each in names) == len(set.union(*names))
    assert 0.15 <= len(parts[1]) / (0.3 * len(data.pairs)) <= 0.85
    again = split_items(data, 0.3, 7)
    assert again.train.tolist() == split.train.tolist()
    assert split_items(data, 0.3, 8).train.tolist() != split.train.tolist()


def test_chinese_titles_differ() -> None:
    assert twin_key("红色连衣裙") != twin_key("黑色跑鞋")
    assert twin_key("Red Dress!") == twin_key("red  dresses")
