"""A ranker's order on first pages: what it says, as far as it looks; the first ranking where it cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.asked import NOBODY, Asked
from mmpipe.search.rerank import Candidates, Judge, Worker
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
COLOURS = ("red", "blue", "green")


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [
        catalogues.product(
            f"p{n:02}",
            f"{COLOURS[n % 3]} lamp w{n % 5}",
            brand="Acme" if n % 2 else None,
            color=COLOURS[n % 3],
            product_type="Home > Lamps",
        )
        for n in range(40)
    ]
    folder = tmp_path_factory.mktemp("lamps") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("rerank")
    yield worker
    worker.close()


@dataclass
class Says:
    """A ranker that says ``score`` of each place."""

    score: Any
    asked: list[Candidates] = field(default_factory=list)

    def scores(self, candidates: Candidates) -> Any:
        self.asked.append(candidates)
        return self.score(candidates)


def random_of(candidates: Candidates) -> Any:
    return np.random.default_rng(3).random(len(candidates.rows)).round(1)


def page_of(version: Version, request: SearchRequest, asked: Asked = NOBODY) -> SearchResponse:
    searcher = Searcher(LOADED.profile, ServeSettings(candidates=40))
    body = searcher.answer(version, request, encode(request, LOADED, {}), asked).body
    return SearchResponse.model_validate_json(body)


def pages_of(version: Version, request: SearchRequest, asked: Asked = NOBODY) -> list[SearchResponse]:
    pages = [page_of(version, request, asked)]
    while pages[-1].next_cursor is not None:
        # As the service asks for them: nobody judges later pages.
        pages.append(page_of(version, request.model_copy(update={"cursor": pages[-1].next_cursor})))
    return pages


def ids(pages: list[SearchResponse]) -> list[str]:
    return [hit.id for page in pages for hit in page.hits]


@pytest.mark.parametrize("limit", [1, 4, 15, 100])
@pytest.mark.parametrize("candidates", [1, 11, 200])
def test_pages_are_the_candidates_by_score_then_the_rest(
    version: Version, worker: Worker, limit: int, candidates: int
) -> None:
    request = SearchRequest(text="red lamp", limit=limit)
    plain = pages_of(version, request)
    before = ids(plain)
    ranker = Says(random_of)
    pages = pages_of(version, request, Asked(judge=Judge(ranker, worker, candidates, 30.0)))
    (seen,) = ranker.asked
    assert seen.ids == before[:candidates]
    scores = dict(zip(seen.ids, random_of(seen).tolist(), strict=True))
    best = sorted(seen.ids, key=lambda each: (-scores[each], before.index(each)))
    assert ids(pages) == [*best, *before[candidates:]]
    assert [page.reranked for page in pages] == [True, *[None] * (len(pages) - 1)]
    kept = {hit.id: hit.score for page in plain for hit in page.hits}
    assert {hit.id: hit.score for page in pages for hit in page.hits} == kept, (
        "scores stay the first ranking's"
    )


def test_a_ranker_is_told_query_and_products(version: Version, worker: Worker) -> None:
    ranker = Says(random_of)
    page_of(version, SearchRequest(text="red lamp"), Asked(judge=Judge(ranker, worker, 5, 30.0)))
    (seen,) = ranker.asked
    assert seen.query == "red lamp"
    for product_id, text in zip(seen.ids, seen.texts, strict=True):
        n = int(product_id[1:])
        brand = ". Acme" if n % 2 else ""
        assert text == f"{COLOURS[n % 3]} lamp w{n % 5}{brand}. Home > Lamps. {COLOURS[n % 3]}"


@pytest.mark.parametrize(
    "score",
    [
        lambda candidates: None,
        lambda candidates: np.zeros(len(candidates.rows) + 1),
        lambda candidates: np.full(len(candidates.rows), np.nan),
        lambda candidates: 1 / 0,
    ],
)
def test_where_nothing_can_be_said_the_first_ranking_stands(
    version: Version, worker: Worker, score: Any
) -> None:
    request = SearchRequest(text="red lamp", limit=7)
    pages = pages_of(version, request, Asked(judge=Judge(Says(score), worker, 20, 30.0)))
    assert ids(pages) == ids(pages_of(version, request))
    assert pages[0].reranked is False


def test_too_late_and_meanwhile_the_first_ranking_stands(version: Version, worker: Worker) -> None:
    request, go = SearchRequest(text="red lamp", limit=7), threading.Event()

    def late(candidates: Candidates) -> Any:
        go.wait(30)
        return random_of(candidates)

    slow, quick = Judge(Says(late), worker, 20, 0.02), Judge(Says(random_of), worker, 20, 30.0)
    before = ids(pages_of(version, request))
    for judge in (slow, quick, slow):
        pages = pages_of(version, request, Asked(judge=judge))
        assert (ids(pages), pages[0].reranked) == (before, False)
    go.set()
    while not (page := page_of(version, request, Asked(judge=quick))).reranked:
        pass
    assert [hit.id for hit in page.hits] != before[:7]
