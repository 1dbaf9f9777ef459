"""Early, late and hybrid fusion: what each finds, and that each explains its score by modality."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.base import Modality
from mmpipe.fusion import late
from mmpipe.schemas.search import Filters, Hit, SearchRequest
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.find.late import search
from mmpipe.search.find.match import Search
from mmpipe.search.find.question import Question
from mmpipe.search.kernels.memory import rows_of
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
WORDS = ("red lamp", "blue lamp", "red chair", "blue chair", "green table", "oak table", "glass vase", "rug")
MODES = ("early", "late", "hybrid")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder: Path = tmp_path_factory.mktemp("modes")
    products = [
        catalogues.product(f"p{i}", word, brand="Acme" if i % 2 else "Bolt") for i, word in enumerate(WORDS)
    ]
    images = {f"p{i}": 30 * i for i in range(6)}  # the last two have no picture
    return catalogues.version(catalogues.create(folder / "lance", catalogues.rows_of(products, images)))


def ask(shop: Version, mode: str, text: str | None, grey: int | None, **more: object) -> list[Hit]:
    request = SearchRequest(text=text, limit=20, explain=True, **more)
    media: dict[Modality, object] = {} if grey is None else {"image": np.full((4, 4, 3), grey, np.uint8)}
    settings = ServeSettings(fusion_mode=mode, vector_weight=1.0, relevance=0)
    return Searcher(LOADED.profile, settings).search(shop, request, encode(request, LOADED, media)).hits  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_what_both_modalities_say(shop: Version, mode: str) -> None:
    assert ask(shop, mode, "red chair", 60)[0].id == "p2"
    assert ask(shop, mode, "blue chair", 90)[0].id == "p3"
    assert ask(shop, mode, "rug", None)[0].id == "p7"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("text", "grey"), [("red lamp", None), (None, 0), ("blue lamp", 30)])
def test_the_parts_of_a_score_sum_to_it(shop: Version, mode: str, text: str | None, grey: int | None) -> None:
    hits = ask(shop, mode, text, grey)
    assert len(hits) == len(WORDS)
    for hit in hits:
        assert hit.scores is not None
        assert sum(hit.scores.model_dump().values()) == pytest.approx(hit.score, abs=1e-5)
        if hit.id in ("p6", "p7"):
            assert hit.scores.image == 0.0
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("mode", ["late", "hybrid"])
def test_filters_hold_and_nothing_under_them_is_an_empty_page(shop: Version, mode: str) -> None:
    hits = ask(shop, mode, "red chair", 60, filters=Filters(brand=["Acme"]))
    assert {hit.id for hit in hits} == {"p1", "p3", "p5", "p7"}
    assert ask(shop, mode, None, 60, filters=Filters(brand=["Nobody"])) == []


def asked(mode: str, depth: int, media: dict[Modality, object]) -> Question:
    request = SearchRequest(text="red chair", limit=20)
    query = encode(request, LOADED, media)  # type: ignore[arg-type]
    settings = ServeSettings(fusion_mode=mode, vector_weight=1.0)
    return replace(Question.of(request, query, settings), depth=depth)


def test_late_is_the_weighted_mean_of_scaled_cosines_over_what_is_there(shop: Version) -> None:
    question = asked("late", 5, {"image": np.full((4, 4, 3), 60, np.uint8)})
    found = search(shop, question, shop.alive)
    assert found is not None
    weights, rows = LOADED.profile.fusion.weights, rows_of(shop.alive)
    top, total = np.zeros(len(rows)), np.zeros(len(rows))
    for modality, vector in question.modality_vectors.items():
        for held in ("text", "image"):
            values, present = shop.vectors[f"{held}_vector"].gather(rows)
            cosines = values @ vector
            floor = np.sort(cosines[present])[-5]
            scaled = np.clip((cosines - floor) / (cosines[present].max() - floor), 0, 1)
            weight = np.where(present, weights[modality] * weights[held], 0.0)
            top, total = top + weight * scaled, total + weight
    expected = dict(zip(rows.tolist(), (top / total).tolist(), strict=True))
    assert found.scores == pytest.approx([expected[row] for row in found.rows.tolist()], abs=1e-5)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    # The nearest five of each pair of modalities are among them.
    assert {row for row, score in expected.items() if score > 0} <= set(found.rows.tolist())
    shares = sum(found.split(rows).values())
    assert shares == pytest.approx([expected[row] for row in rows.tolist()], abs=1e-5)


@pytest.mark.parametrize("mode", ["late", "hybrid"])
def test_later_pages_are_scored_as_the_first_whatever_is_there_by_then(shop: Version, mode: str) -> None:
    question = asked(mode, 5, {"image": np.full((4, 4, 3), 60, np.uint8)})
    first = Search(shop, question).matches()
    again = Search(shop, replace(question, depth=3)).matches(first.scoring)
    assert again.rows.tolist() == first.rows.tolist()
    assert again.scores().tolist() == first.scores().tolist()


def test_a_row_without_any_modality_scores_nothing_and_a_flat_band_does_not_divide_by_zero() -> None:
    pair = late.Pair("text", "text", 0.5)
    scores = np.array([0.4, 0.4, 0.4], np.float32)
    band = late.Band.of(scores, 2)
    part = late.parts([pair], [scores], [np.array([True, True, False])], [band])
    assert part.tolist() == [[1.0, 1.0, 0.0]]
    assert late.Band.of(np.zeros(0, np.float32), 5) == late.Band(0.0, 0.0)
