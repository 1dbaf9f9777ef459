"""Media of all searches together hold no more than a replica's budget."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe import media
from mmpipe.errors import InvalidMedia
from mmpipe.schemas.search import SearchRequest
from mmpipe.serve.answer import query_media
from mmpipe.serve.answer.budget import Budget, Busy
from mmpipe.serve.memory import give_back_memory
from mmpipe.settings import MediaSettings, Settings
from tests.serve.conftest import make_app, make_service, png


def test_no_more_than_all_is_held_and_all_comes_back() -> None:
    async def run() -> None:
        budget = Budget(10, wait_seconds=60.0)
        order = random.Random(7)
        held = most = 0

        async def hold(units: int) -> None:
            nonlocal held, most
            async with budget.held(units):
                taken = min(units, 10)
                held += taken
                most = max(most, held)
                try:
                    await asyncio.sleep(order.random() * 0.003)
                finally:
                    held -= taken

        tasks = [asyncio.create_task(hold(order.randint(0, 14))) for _ in range(200)]
        for task in order.sample(tasks, 60):
            await asyncio.sleep(0.001)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= 10
        assert budget.free == 10

    asyncio.run(run())


def test_a_large_one_is_not_overtaken_for_ever() -> None:
    async def run() -> None:
        budget = Budget(4, wait_seconds=60.0)
        done: list[str] = []

        async def hold(name: str, units: int) -> None:
            async with budget.held(units):
                await asyncio.sleep(0.01)
                done.append(name)

        await asyncio.gather(hold("first", 2), hold("large", 9), hold("small", 1))
        assert done == ["first", "large", "small"]

    asyncio.run(run())


def test_who_waits_too_long_is_told_so() -> None:
    async def run() -> None:
        budget = Budget(4, wait_seconds=0.01)
        async with budget.held(3):
            with pytest.raises(Busy):
                async with budget.held(2):
                    raise AssertionError
            async with budget.held(1):
                assert budget.free == 0
        assert budget.free == 4

    asyncio.run(run())


def test_over_the_budget_is_503_and_texts_are_answered_meanwhile(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, settings = shop
    small = settings.serve.model_copy(update={"media_megapixels": 0.0003, "media_wait_seconds": 0.05})
    begun, go_on = threading.Event(), threading.Event()
    decode = media.decode

    def slow(*arguments: Any, **target: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return decode(*arguments, **target)

    monkeypatch.setattr(media, "decode", slow)
    service = make_service(settings.model_copy(update={"serve": small}))
    with TestClient(make_app(service)) as client:
        answers: list[Any] = []
        picture = {"image": ("a.png", png((240, 20, 20)), "image/png")}

        def send() -> None:
            answers.append(client.post("/v1/search", files=picture))

        first = threading.Thread(target=send)
        first.start()
        assert begun.wait(60)
        busy = client.post("/v1/search", files=picture)
        assert busy.status_code == 503
        assert busy.json()["type"] == "urn:mmpipe:problem:busy"
        assert int(busy.headers["retry-after"]) > 0
        assert client.post("/v1/search", json={"text": "red shoe"}).status_code == 200
        go_on.set()
        first.join()
        assert answers[0].status_code == 200
        assert client.post("/v1/search", files=picture).status_code == 200
    service.close()


def test_memory_of_a_large_picture_is_given_back_whatever_becomes_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[str] = []

    def give_back() -> None:
        given.append("back")
        give_back_memory()

    monkeypatch.setattr(query_media, "give_back_memory", give_back)

    async def run() -> None:
        held = query_media.QueryMedia(MediaSettings(), Budget(1 << 30, wait_seconds=5.0))
        picture = png((240, 20, 20))
        broken = picture[: len(picture) // 2]
        await held.decode(query_media.ParsedSearch(SearchRequest(), {"image": picture}))
        assert given == [], "a small one leaves nothing"
        monkeypatch.setattr(query_media, "_LARGE", 10)
        await held.decode(query_media.ParsedSearch(SearchRequest(), {"image": picture}))
        with pytest.raises(InvalidMedia):
            await held.decode(query_media.ParsedSearch(SearchRequest(), {"image": broken}))
        assert given == ["back", "back"]
        held.close()

    asyncio.run(run())
