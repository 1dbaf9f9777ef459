"""Which rows meet in a batch, and which pairs count."""

from __future__ import annotations

import numpy as np

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.learn.data import FIELDS, Item, Source
from training.batches import Rows, grocery_rows, label_items, same_group

TERMS = load_glossary().by_concept


def item(number: int, group: str | None = None, **terms: str) -> Item:
    found = {kind: TERMS[f"{kind}/{key}"] for kind, key in terms.items()}
    return Item(str(number), group or f"g{number}", f"thing {number}", None, found)


def source(items: list[Item], photo: list[bool] | None = None) -> Source:
    pixels = np.zeros((len(items), 80, 64, 3), np.uint8)
    return Source("test", items, pixels, np.asarray(photo or [False] * len(items)))


def test_a_pass_shows_every_row_once_however_it_is_cut() -> None:
    rows = Rows(np.arange(100) % 7, seed=3, hard=0.5, rare=0.0)
    stream = np.concatenate([rows.batch(step, 30) for step in range(10)])
    assert sorted(stream[:100]) == list(range(100))
    assert sorted(stream[100:200]) == list(range(100))
    assert stream[:100].tolist() != stream[100:200].tolist()


def test_a_step_is_the_same_whenever_it_is_asked() -> None:
    types = np.arange(60) % 5
    first = Rows(types, seed=3, hard=0.5, rare=0.2)
    second = Rows(types, seed=3, hard=0.5, rare=0.2)
    expected = [first.batch(step, 20).tolist() for step in range(6)]
    assert second.batch(5, 20).tolist() == expected[5]
    assert Rows(types, seed=4, hard=0.5, rare=0.2).batch(5, 20).tolist() != expected[5]


def test_hard_blocks_hold_one_type() -> None:
    types = np.arange(640) % 10
    batch = Rows(types, seed=1, hard=1.0, rare=0.0).batch(0, 64)
    commonest = np.bincount(types[batch]).max()
    assert commonest >= 24  # a random batch of 64 would have about 6


def test_rare_types_are_drawn_evenly() -> None:
    types = np.array([0] * 990 + [1] * 10)
    rows = Rows(types, seed=1, hard=0.0, rare=0.5)
    drawn = np.concatenate([types[rows.batch(step, 40)[20:]] for step in range(20)])
    assert 0.35 < (drawn == 1).mean() < 0.65


def test_grocery_batches_pair_photos_with_their_studio_pictures() -> None:
    items = [item(n, group=f"p{n}") for n in range(5)] + [item(9, group=f"p{n % 5}") for n in range(20)]
    data = source(items, [False] * 5 + [True] * 20)
    rows = grocery_rows(data, seed=1, step=0, size=6)
    icons = {data.items[i].group for i in rows if not data.photo[i]}
    photos = {data.items[i].group for i in rows if data.photo[i]}
    assert len(rows) == 6
    assert photos <= icons


def test_labels_number_concepts_in_reading_order() -> None:
    concepts: dict[str, list[str]] = {}
    first = label_items(source([item(0, type="dresses", colour="red"), item(1, type="jeans")]), concepts)
    second = label_items(source([item(2, type="jeans", colour="blue"), item(3)]), concepts)
    assert concepts["type"] == ["type/dresses", "type/jeans"]
    kind, colour = FIELDS.index("type"), FIELDS.index("colour")
    assert first.values[:, kind].tolist() == [0, 1]
    assert second.values[:, kind].tolist() == [1, -1]
    assert first.values[:, colour].tolist() == [0, -1]
    assert second.values[0, colour] == 1


def test_same_group_marks_near_duplicates() -> None:
    assert same_group(["a", "b", "a"]).tolist() == [
        [True, False, True],
        [False, True, False],
        [True, False, True],
    ]
