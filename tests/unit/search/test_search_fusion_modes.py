"""Early, late and hybrid fusion: what each finds, and that each explains its score by modality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.base import Modality
from mmpipe.fusion import late
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.search import Searcher, Snapshot, encode
from mmpipe.search.late import search
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
WORDS = ("red lamp", "blue lamp", "red chair", "blue chair", "green table", "oak table", "glass vase", "rug")
MODES = ("early", "late", "hybrid")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder: Path = tmp_path_factory.mktemp("modes")
    products = [
        catalogues.product(f"p{i}", word, brand="Acme" if i % 2 else "Bolt") for i, word in enumerate(WORDS)
    ]
    images = {f"p{i}": 30 * i for i in range(6)}  # the last two have no picture
    return catalogues.snapshot(catalogues.create(folder / "lance", catalogues.rows_of(products, images)))


def ask(
    shop: Snapshot, mode: str, text: str | None, grey: int | None, **more: object
) -> list[dict[str, object]]:
    request = SearchRequest(text=text, limit=20, explain=True, **more)
    media: dict[Modality, object] = {} if grey is None else {"image": np.full((4, 4, 3), grey, np.uint8)}
    settings = ServeSettings(fusion_mode=mode, vector_weight=1.0)
    return Searcher(LOADED.profile, settings).search_payload(shop, request, encode(request, LOADED, media))[
        "hits"
    ]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_what_both_modalities_say(shop: Snapshot, mode: str) -> None:
    assert ask(shop, mode, "red chair", 60)[0]["id"] == "p2"
    assert ask(shop, mode, "blue chair", 90)[0]["id"] == "p3"
    assert ask(shop, mode, "rug", None)[0]["id"] == "p7"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("text", "grey"), [("red lamp", None), (None, 0), ("blue lamp", 30)])
def test_the_parts_of_a_score_sum_to_it(
    shop: Snapshot, mode: str, text: str | None, grey: int | None
) -> None:
    hits = ask(shop, mode, text, grey)
    assert len(hits) == len(WORDS)
    for hit in hits:
        assert sum(hit["scores"].values()) == pytest.approx(hit["score"], abs=1e-5)
        if hit["id"] in ("p6", "p7"):
            assert hit["scores"]["image"] == 0.0
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("mode", ["late", "hybrid"])
def test_filters_hold_and_nothing_under_them_is_an_empty_page(shop: Snapshot, mode: str) -> None:
    hits = ask(shop, mode, "red chair", 60, filters=Filters(brand=["Acme"]))
    assert {hit["id"] for hit in hits} == {"p1", "p3", "p5", "p7"}
    assert ask(shop, mode, None, 60, filters=Filters(brand=["Nobody"])) == []


def test_late_is_the_weighted_mean_of_scaled_cosines_over_what_is_there(shop: Snapshot) -> None:
    request = SearchRequest(text="red chair", limit=20)
    query = encode(request, LOADED, {"image": np.full((4, 4, 3), 60, np.uint8)})
    found = search(shop, query, None, 5, hybrid=False)
    assert found is not None
    weights = LOADED.profile.fusion.weights
    top, total = np.zeros(shop.rows), np.zeros(shop.rows)
    for asked, vector in query.modality_vectors.items():
        for held in ("text", "image"):
            values, present = shop.vectors[f"{held}_vector"].gather(np.arange(shop.rows))
            cosines = values @ vector
            floor = np.sort(cosines[present])[-5]
            scaled = np.clip((cosines - floor) / (cosines[present].max() - floor), 0, 1)
            weight = np.where(present, weights[asked] * weights[held], 0.0)
            top, total = top + weight * scaled, total + weight
    rows = found.candidates.rows
    np.testing.assert_allclose(found.candidates.scores, (top / total)[rows], atol=1e-5)
    np.testing.assert_allclose(found.candidates.score(np.arange(shop.rows)), top / total, atol=1e-5)


def test_hybrid_scores_only_what_early_fusion_found(shop: Snapshot) -> None:
    request = SearchRequest(text="red chair", limit=20)
    query = encode(request, LOADED, {})
    found = search(shop, query, None, 3, hybrid=True)
    assert found is not None
    assert len(found.candidates.rows) == 3
    assert query.vector is not None
    fused, _ = shop.vectors["vector"].gather(np.arange(shop.rows))
    assert set(found.candidates.rows.tolist()) == set(np.argsort(-(fused @ query.vector))[:3].tolist())


def test_a_row_without_any_modality_scores_nothing_and_a_flat_band_does_not_divide_by_zero() -> None:
    pair = late.Pair("text", "text", 0.5)
    scores = np.array([0.4, 0.4, 0.4], np.float32)
    band = late.Band.of(scores, 2)
    part = late.parts([pair], [scores], [np.array([True, True, False])], [band])
    assert part.tolist() == [[1.0, 1.0, 0.0]]
    assert late.Band.of(np.zeros(0, np.float32), 5) == late.Band(0.0, 0.0)
