"""Which second of a clip matched, over HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import av
import numpy as np
import pytest
from starlette.testclient import TestClient

from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from tests.serve.conftest import COLORS, InProcessWork, make_service, order_for, png, settings_for, write_feed


def mp4(*colors: tuple[int, int, int]) -> bytes:
    """A second of each colour."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for color in colors:
            for _ in range(10):
                picture = np.full((32, 32, 3), color, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("filmed")
    settings = settings_for(folder)
    data = base64.b64encode(mp4(COLORS["red"], COLORS["blue"])).decode()
    rows = [
        {"id": "filmed", "title": "Coat", "price": "9 USD", "video_link": f"data:video/mp4;base64,{data}"},
        {"id": "plain", "title": "Coat hanger", "price": "2 USD"},
    ]
    work = InProcessWork(settings)
    outcomes = work.indexer.execute([order_for(write_feed(folder, "all.jsonl", rows), settings)])
    assert [outcome.status for outcome in outcomes] == ["done"], outcomes
    service = make_service(settings)
    with TestClient(create_app(service, Metrics("test")), raise_server_exceptions=False) as client:
        yield client
    service.close()


def seconds(client: TestClient, body: dict[str, object]) -> dict[str, float | None]:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return {hit["id"]: hit["video_second"] for hit in answer.json()["hits"]}


def test_a_photo_of_either_shot_finds_its_second(filmed: TestClient) -> None:
    for color, low, high in (("red", 0.0, 1.0), ("blue", 1.0, 2.0)):
        photo = {"data": base64.b64encode(png(COLORS[color])).decode()}
        found = seconds(filmed, {"image": photo, "text": "coat", "weights": {"text": 0.1}})
        second = found["filmed"]
        assert second is not None
        assert low <= second < high
        assert found["plain"] is None


def test_a_clip_and_words_do_too_and_browsing_does_not(filmed: TestClient) -> None:
    clip = {"data": base64.b64encode(mp4(COLORS["blue"])).decode()}
    second = seconds(filmed, {"video": clip})["filmed"]
    assert second is not None
    assert second >= 1.0
    assert seconds(filmed, {"text": "coat"})["filmed"] is not None
    assert seconds(filmed, {"filters": {"price": {"gte": 1}}}) == {"filmed": None, "plain": None}


def test_similar_products_and_the_document_of_the_api_know_the_field(filmed: TestClient) -> None:
    hits = filmed.get("/v1/products/plain/similar").json()["hits"]
    assert {hit["id"]: hit["video_second"] is None for hit in hits} == {"filmed": False}
    field = filmed.get("/openapi.json").json()["components"]["schemas"]["Hit"]["properties"]["video_second"]
    assert "seconds" in field["description"]
