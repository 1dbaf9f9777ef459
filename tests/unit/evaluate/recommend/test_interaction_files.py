"""Interaction files: what is read, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend import interactions


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "log.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_line_is_a_user_and_what_they_did_in_order(tmp_path: Path) -> None:
    data = interactions.read(written(tmp_path, "u1 b a b\n\nu2\ta  c\n"))
    assert data.names == ["b", "a", "c"]
    assert [sequence.tolist() for sequence in data.sequences] == [[0, 1, 0], [1, 2]]
    assert data.times is None


def test_what_editors_and_other_systems_add_is_no_id(tmp_path: Path) -> None:
    data = interactions.read(written(tmp_path, "\ufeffü1 é_漢 😀 😀\r\n\r\nu2 😀\r\n"))
    assert data.names == ["é_漢", "😀"]
    assert [sequence.tolist() for sequence in data.sequences] == [[0, 1, 1], [1]]


def test_times_stand_beside_items(tmp_path: Path) -> None:
    data = interactions.read(written(tmp_path, "u1 a@10 b@10 c@2.5e1\nu2 x@y@3\n"))
    assert data.names == ["a", "b", "c", "x@y"]
    assert data.times is not None
    assert [when.tolist() for when in data.times] == [[10.0, 10.0, 25.0], [3.0]]


def test_of_a_robot_the_latest_events_are_kept(tmp_path: Path) -> None:
    many = " ".join(str(i) for i in range(1_000_000))
    data = interactions.read(written(tmp_path, f"robot {many}\nu a b\n"))
    assert data.cut == 1
    assert len(data.sequences[0]) == interactions.MAX_HISTORY
    assert data.names[data.sequences[0][-1]] == "999999"
    assert len(data.names) == interactions.MAX_HISTORY + 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no line"),
        ("\n \n", "holds no line"),
        ("u1 a b\nu2\n", "line 2: user 'u2' has no item"),
        ("u1 a\nu1 b\n", "line 2: user 'u1' has a line already"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "line 1: not UTF-8"),
        ("u1 a\n\ufeffu2 b\n", "line 2: an id of control characters"),
        ("u1 a\x00b c", "line 1: an id of control characters"),
        ("u1 " + "a" * 600, "line 1: an id of control characters or over 512"),
        ("u1 a@10 b\n", "line 1: 'b' has no time"),
        ("u1 a@10 b@nan\n", "line 1: 'b@nan' has no time"),
        ("u1 a@10 b@9\n", "line 1: its times run backwards"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        interactions.read(written(tmp_path, content))


def test_a_line_without_an_end_is_refused_before_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "MAX_LINE", 1_000)
    with pytest.raises(InvalidRequest, match="longer than 1,000 bytes"):
        interactions.read(written(tmp_path, "u " + "a " * 1_000))


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot read"):
        interactions.read(tmp_path / "none.txt")


def test_items_get_their_texts_and_may_be_more_than_were_seen(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(
        '{"id": 3, "title": "Red mug", "brand": "Oak", "price": 3}\n{"id": "new", "title": "Jug"}\n'
    )
    names, texts = interactions.read_items(path, ["5", "3"])
    assert names == ["5", "3", "new"]
    assert texts == [None, "Red mug. Oak", "Jug"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"id": 3}\nnonsense', "line 2"),
        ('{"title": "no id"}', "line 1"),
        ("[" * 100_000, "line 1"),
        ('{"id": "other", "title": "x"}', "describes none"),
        ("", "describes none"),
    ],
)
def test_items_that_cannot_be_used_are_named(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidRequest, match=says):
        interactions.read_items(path, ["3"])


def test_codes_are_small_integers(tmp_path: Path) -> None:
    assert interactions.read(written(tmp_path, "u a b")).sequences[0].dtype == np.int32
