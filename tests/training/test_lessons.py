"""What the text tower is shown, and which features get a row."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.encoders.starter.features import Vocabulary, feature_key
from mmpipe.errors import ModelUnavailable
from mmpipe.lake.synonyms import Group
from training import lessons as module
from training.lessons import Lessons, feature_names, grown, product, query, read_lessons

GROUP = Group(("sofa", "couch"), ("沙发",))


def test_products_and_queries_are_of_their_thing() -> None:
    for seed in range(30):
        assert any(word in product(GROUP, random.Random(seed)).lower() for word in GROUP.en)
    asked = {query(GROUP, random.Random(seed)) for seed in range(60)}
    assert {"sofa", "couch", "沙发"} <= asked


def test_words_of_the_shop_get_a_row_before_a_dictionary_s() -> None:
    none = np.zeros((0, 8), dtype=np.float16)
    lessons = Lessons([GROUP], none, [("zymurgy", "酿造学")], none, [1.0], [], none, none, {})
    names = feature_names(lessons)
    assert names["w:sofa"] > names["w:zymurgy"] > names["g:zym"] > 0
    old = Vocabulary([7, feature_key("w:couch")])
    wide = grown(old, names, 12)
    assert len(wide) == 12
    assert wide.keys[:2] == old.keys
    assert {feature_key("w:sofa"), feature_key("z:沙发")} <= set(wide.keys)
    assert feature_key("w:zymurgy") not in wide.keys
    assert grown(old, names, 1).keys == old.keys


def test_lessons_are_read_from_what_the_words_step_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, words = tmp_path / "data", tmp_path / "words"
    for folder in (data / "zh", data / "kagl", words):
        folder.mkdir(parents=True)
    entries = [
        "沙發 沙发 [sha1 fa1] /sofa/",
        "餐巾 餐巾 [can1 jin1] /napkin/",
        "石頭 石头 [shi2 tou5] /stone/",
    ]
    with gzip.open(data / "zh" / "cedict.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(entries) + "\n")
    row = {"id": "1", "title": "Puma Men Black Shirt", "split": "train", "article_type": "Shirts",
           "base_colour": "Black", "gender": "Men", "usage": "Casual"}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), data / "kagl" / "catalogue.parquet")
    monkeypatch.setattr(module, "_RENDERS", 20)
    monkeypatch.setattr(module, "shop_groups", lambda: [GROUP])
    glosses = np.eye(3, 4, dtype=np.float16)  # napkin, sofa, stone
    np.save(words / "glosses.npy", glosses)
    np.save(words / "names.npy", glosses[[2, 1]])  # couch, sofa
    np.save(words / "e5.npy", glosses[:1])
    np.save(words / "minilm.npy", glosses[:2])
    (words / "texts.txt").write_text("sofa\nblack shirt\n", encoding="utf-8")
    lessons = read_lessons(data, words)
    assert list(lessons.entries) == [("sofa", "沙发"), ("stone", "石头")]  # a napkin is kept out
    assert np.array_equal(lessons.meanings, glosses[1:])
    assert np.array_equal(lessons.things, glosses[1:2])
    assert lessons.weights[0] == lessons.weights[1] > 0
    assert lessons.drawn == pytest.approx([lessons.weights[0], sum(lessons.weights)])
    assert lessons.anchors["title"] == ["Puma Men Black Shirt"]
    assert lessons.anchors["type"] == ["Shirts"]
    assert lessons.anchors["asked"]
    assert lessons.anchors["named"]
    assert any("红色" in text for text in lessons.anchors["made"])
    np.save(words / "glosses.npy", glosses[:2])
    with pytest.raises(ModelUnavailable, match="of other words"):
        read_lessons(data, words)
