"""Re-ranking over HTTP: the model's order, the first ranking where it cannot be had, and what is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

pytest.importorskip("torch")

from mmpipe.errors import ModelUnavailable
from mmpipe.schemas.search import SearchRequest
from mmpipe.search.rerank import Candidates
from mmpipe.serve.answer import reranking
from mmpipe.serve.answer.service import QueryService
from mmpipe.settings import ModelSettings, ServeSettings, Settings
from tests.serve.conftest import make_app, make_service
from tests.unit.encoders import tiny_checkpoints

CANDIDATES, LIMIT = 14, 6
TEXT = {"text": "black shoe", "understand": "off", "limit": LIMIT}


def settings_with(settings: Settings, folder: Path, **serve: Any) -> Settings:
    changed = {"rerank_candidates": CANDIDATES, "rerank_ms": 10_000.0, **serve}
    return settings.model_copy(
        update={
            # One that is checked: copies are not.
            "serve": ServeSettings.model_validate(settings.serve.model_dump() | changed),
            "models": ModelSettings(device="cpu", dtype="float32", dir=str(folder)),
        }
    )


@pytest.fixture(scope="module")
def service(shop: tuple[Path, Settings], tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryService]:
    folder = tmp_path_factory.mktemp("judge")
    tiny_checkpoints.cross_encoder(folder)
    serve = {"rerank": "cross-encoder", "rerank_model": str(folder)}
    service = make_service(settings_with(shop[1], folder, **serve))
    yield service
    service.close()


@pytest.fixture(scope="module")
def judged(service: QueryService) -> Iterator[TestClient]:
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client


def pages(client: TestClient, **body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while not found or cursor is not None:
        asked = {**TEXT, **body, **({} if cursor is None else {"cursor": cursor})}
        answer = client.post("/v1/search", json=asked)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        cursor = found[-1].get("next_cursor")
    return found


def hits(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [hit for page in found for hit in page["hits"]]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [hit["id"] for hit in hits(found)]


def model_of(service: QueryService) -> Any:
    kind = service._reranking._kind
    assert isinstance(kind, reranking.ByCrossEncoder)
    return kind._ranker.model


def test_the_best_matches_are_in_the_models_order(judged: TestClient, service: QueryService) -> None:
    plain, found = pages(judged, rerank=False), pages(judged)
    assert "reranked" not in plain[0]
    before = ids(plain)
    assert len(before) == plain[0]["total"] > CANDIDATES + LIMIT
    texts = [". ".join(hit[name] for name in ("title", "brand", "category", "color")) for hit in hits(plain)]
    said = model_of(service).scores("black shoe", texts[:CANDIDATES])
    order = np.argsort(-said, kind="stable").tolist()
    assert order != sorted(order)
    assert ids(found) == [*(before[place] for place in order), *before[CANDIDATES:]]
    assert [page.get("reranked") for page in found] == [True, *[None] * (len(found) - 1)]
    assert ids(pages(judged, rerank=True)) == ids(found)
    # The scores told are those of the first ranking.
    kept = {hit["id"]: (hit["score"], hit["scores"]) for hit in hits(plain)}
    assert {hit["id"]: (hit["score"], hit["scores"]) for hit in hits(found)} == kept


def test_what_has_no_words_or_another_order_is_not_judged(judged: TestClient) -> None:
    for body in ({"text": None}, {"sort": "price_asc"}, {"text": None, "like": ["red-hat-1"]}):
        answer = judged.post("/v1/search", json={**TEXT, **body})
        assert answer.status_code == 200, answer.text
        assert "reranked" not in answer.json()


def test_a_stuck_model_holds_up_nothing(
    judged: TestClient, service: QueryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, asked = threading.Event(), 0

    class Stuck:
        def scores(self, candidates: Candidates) -> Any:
            nonlocal asked
            asked += 1
            go.wait(30)
            return np.arange(len(candidates.rows), dtype=np.float64)

    monkeypatch.setattr(service._reranking._kind, "_ranker", Stuck())
    monkeypatch.setattr(service._reranking, "_seconds", 0.05)
    plain = pages(judged, rerank=False)

    async def together() -> list[bytes]:
        request = SearchRequest(**TEXT)  # type: ignore[arg-type]
        searches = asyncio.gather(*(service.search_text(request) for _ in range(12)))
        # The loop goes on while they wait.
        await service.search_text(SearchRequest(**{**TEXT, "rerank": False}))  # type: ignore[arg-type]
        return await searches

    for body in asyncio.run(together()):
        assert b'"reranked":false' in body
    found = pages(judged)
    assert (ids(found), found[0]["reranked"]) == (ids(plain), False)
    assert asked == 1
    assert sum(thread.name == "rerank" for thread in threading.enumerate()) == 1
    go.set()
    monkeypatch.undo()
    while not (found := pages(judged))[0]["reranked"]:
        pass
    assert ids(found) != ids(plain)


def test_what_is_off_cannot_be_asked_for(client: TestClient) -> None:
    answer = client.post("/v1/search", json={**TEXT, "rerank": True})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["field"] == "rerank"
    assert "MMPIPE_SERVE__RERANK" in problem["detail"]
    assert client.get("/v1/search", params={"q": "shoe", "rerank": "true"}).status_code == 422
    for rerank in (None, False):
        assert "reranked" not in client.post("/v1/search", json={**TEXT, "rerank": rerank}).json()


def test_settings_that_cannot_be_are_refused(shop: tuple[Path, Settings], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="rerank_model"):
        ServeSettings(rerank="cross-encoder")
    for kind in ("cross-encoder", "learned"):
        with pytest.raises(ValidationError, match="shards"):
            ServeSettings(rerank=kind, rerank_model="a/b", shards=2)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        ServeSettings(rerank_candidates=201)
    lost = settings_with(shop[1], tmp_path, rerank="cross-encoder", rerank_model="shop/judge")
    with pytest.raises(ModelUnavailable, match="mmpipe models pull rerank:shop/judge"):
        make_service(lost)


def test_a_model_that_is_too_slow_is_told_of_at_the_start(
    shop: tuple[Path, Settings], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny_checkpoints.cross_encoder(tmp_path)
    for most, told in ((10_000.0, []), (1e-6, ["50 products"])):
        settings = settings_with(
            shop[1],
            tmp_path,
            rerank="cross-encoder",
            rerank_model=str(tmp_path),
            rerank_candidates=50,
            rerank_ms=most,
        )
        caplog.clear()
        reranking.ByCrossEncoder(settings)
        found = [each.getMessage() for each in caplog.records if each.name == reranking.__name__]
        assert [text in said for text, said in zip(told, found, strict=True)] == [True] * len(told)


class Fond:
    """A learnt model that finds the last rows the most interesting."""

    name, revision = "fond", "1"

    def scores(self, version: Any, product_ids: Any, types: Any, times: Any) -> Any:
        return np.full(version.layout.rows, 1 / version.layout.rows, np.float32)

    def interest(self, version: Any, rows: Any, *_: Any, **__: Any) -> Any:
        return rows / 1e3


def test_the_learnt_ranker_judges_for_whom_it_knows(
    shop: tuple[Path, Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    shutil.copytree(shop[0] / "lake", tmp_path / "lake")
    copied = shop[1].model_copy(
        update={"lake": shop[1].lake.model_copy(update={"uri": str(tmp_path / "lake")})}
    )
    service = make_service(settings_with(copied, tmp_path, rerank="learned"))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        event = {"type": "view", "product_id": "black-hat-1", "user_id": "known"}
        assert client.post("/v1/interactions", json={"interactions": [event]}).status_code == 202
        assert "reranked" not in pages(client, user_id="known")[0], "nothing was learnt yet"
        monkeypatch.setattr(service._recommendations._models, "get", lambda collection: Fond())
        version = service._version_of("shop")
        assert version is not None
        plain, found = pages(client, user_id="known", rerank=False), pages(client, user_id="known")
        before = ids(plain)
        best = sorted(before[:CANDIDATES], key=lambda each: -version.row(each))
        assert ids(found) == [*best, *before[CANDIDATES:]]
        assert (found[0]["reranked"], found[0]["personalised"]) == (True, True)
        for body in ({}, {"user_id": "unknown"}, {"user_id": "known", "personalise": False}):
            assert "reranked" not in pages(client, **body)[0]
    service.close()
