"""The text tower learns words, and what pictures are found by stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmpipe.encoders.starter.features import Vocabulary, feature_key, named_features, pack
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.encoders.starter.loader import load_text
from mmpipe.encoders.starter.towers import TextTower
from mmpipe.encoders.starter.weights import MANIFEST
from mmpipe.lake.synonyms import Group
from training import finish_text
from training.finish_text import Tower, teach, widened, write
from training.lessons import Lessons

GROUPS = [Group((f"thing{n}", f"other{n}"), (f"东西{chr(0x4E00 + 7 * n)}",)) for n in range(24)]
ANCHORS = [f"anchor{n} shirt" for n in range(40)]


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Lessons:
    for name in ("_QUERIES", "_ENTRIES", "_ANY", "_COMPARED"):
        monkeypatch.setattr(finish_text, name, 16)
    monkeypatch.setattr(finish_text, "_ANCHORS", {"title": 16})
    texts = [text for group in GROUPS for text in (*group.en, *group.zh)]
    vectors = np.random.default_rng(0).normal(size=(len(texts), 8)).astype(np.float16)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [(f"word{n}", f"词语{chr(0x4E00 + 5 * n)}") for n in range(24)]
    return Lessons(
        groups=GROUPS,
        things=vectors[:24],
        entries=entries,
        meanings=vectors[24:48],
        weights=[1.0] * 24,
        texts=texts,
        e5=vectors,
        minilm=vectors,
        anchors={"title": ANCHORS},
    )


def names_of(lessons: Lessons) -> list[str]:
    said = [*lessons.texts, *ANCHORS, *(text for pair in lessons.entries for text in pair)]
    return list(dict.fromkeys(name for text in said for name, _, _ in named_features(text, load_glossary())))


def vectors(tower: TextTower, vocabulary: Vocabulary, texts: list[str]) -> torch.Tensor:
    rows, weights, offsets = (torch.from_numpy(each) for each in pack(vocabulary, texts))
    with torch.no_grad():
        return F.normalize(tower(rows, weights, offsets), dim=1)


def test_words_for_one_thing_draw_near_and_anchors_stay(lessons: Lessons) -> None:
    torch.manual_seed(1)
    names = names_of(lessons)
    vocabulary = Vocabulary([feature_key(name) for name in names])
    before = TextTower(len(vocabulary))
    held = {"title": vectors(before, vocabulary, ANCHORS)}
    ones, others = [group.en[0] for group in GROUPS], [group.en[1] for group in GROUPS]

    def likeness(tower: TextTower) -> float:
        found = vectors(tower, vocabulary, ones) * vectors(tower, vocabulary, others)
        return float(found.sum(1).mean())

    apart = likeness(before)
    now = teach(Tower(before, vocabulary, names), lessons, held, 24, 8e-3, 3)
    assert likeness(now) > apart + 0.1
    assert float((vectors(now, vocabulary, ANCHORS) * held["title"]).sum(1).mean()) > 0.9


def test_a_tower_in_pieces_reads_a_word_as_one_that_has_no_row(lessons: Lessons) -> None:
    torch.manual_seed(1)
    names = names_of(lessons)
    vocabulary = Vocabulary([feature_key(name) for name in names])
    tower = TextTower(len(vocabulary))
    pieces = Vocabulary([feature_key(name) for name in names if name[0] == "g"])
    same = TextTower(len(pieces))
    rows = [vocabulary.rows[key] for key in pieces.keys]
    same.load_state_dict({**tower.state_dict(), "table.weight": tower.table.weight[rows]})
    said = ["thing3", "word7"]
    with torch.no_grad():
        broken = Tower(tower, vocabulary, names)(said, pieces=1.0)
        unknown = Tower(same, pieces, ())(said)
        whole = Tower(tower, vocabulary, names)(said)
    torch.testing.assert_close(broken, unknown)
    assert not torch.allclose(broken, whole, atol=1e-2)


def test_new_rows_change_no_text_of_the_old(lessons: Lessons) -> None:
    torch.manual_seed(1)
    vocabulary = Vocabulary([feature_key(name) for name in names_of(lessons)[:100]])
    tower = TextTower(100)
    wide = widened(tower, 130, 5)
    assert wide.table.weight.shape[0] == 130
    torch.testing.assert_close(vectors(wide, vocabulary, ANCHORS), vectors(tower, vocabulary, ANCHORS))


def test_a_tower_is_written_into_a_folder_whose_figures_stay(lessons: Lessons, tmp_path: Path) -> None:
    names = names_of(lessons)
    vocabulary = Vocabulary([feature_key(name) for name in names])
    torch.manual_seed(1)
    tower = TextTower(len(vocabulary)).eval()
    (tmp_path / MANIFEST).write_text(json.dumps({"metrics": {"score": 0.5}, "sha256": {}}), encoding="utf-8")
    write(tower, vocabulary, tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["metrics"] == {"score": 0.5}
    assert "text.safetensors" in manifest["sha256"]
    with torch.no_grad():
        trained = Tower(tower, vocabulary, names)(ANCHORS).numpy()
    read = load_text(tmp_path / "text.safetensors").embed_documents(ANCHORS)
    np.testing.assert_allclose((trained * read).sum(1), 1.0, atol=1e-4)
