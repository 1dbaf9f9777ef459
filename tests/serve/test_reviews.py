"""``GET /v1/products/{id}/reviews``, ratings in searches, and a person's reviews at ``/v1/users/{id}``."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import Lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.schemas.review import ProductReviews
from mmpipe.serve.answer import reviews as answers
from tests.serve.test_interactions import own

__all__ = ["own"]
TEXT = 'Very comfortable. <script>alert("x")</script> The fabric is flimsy!'


@pytest.fixture
def reviewed(own: tuple[TestClient, InteractionLog], tmp_path: Path) -> tuple[TestClient, Lake]:
    """Two reviews of one product, by two people, one of another, and one of none."""
    client, _ = own
    service = client.app.state.service  # type: ignore[attr-defined]
    lake: Lake = service._lake
    add(lake, tmp_path / "1.jsonl", (
        {"product_id": "red-shoe-1", "review_id": "r1", "rating": 4, "text": TEXT, "user_id": "anna"},
        {"product_id": "red-shoe-1", "review_id": "r2", "rating": 1, "text": "It broke.", "user_id": "bert"},
        {"product_id": "red-shoe-2", "review_id": "r1", "rating": 5},
        {"product_id": "unknown", "review_id": "r1", "rating": 5},
    ))  # fmt: skip
    service.refresh()
    return client, lake


def add(lake: Lake, path: Path, lines: tuple[dict[str, Any], ...]) -> None:
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    record = execute_reviews(lake, lake.collection("shop"), path)
    assert (record.status, record.rejected) == ("done", 0)


def test_what_reviews_add_up_to(reviewed: tuple[TestClient, Lake]) -> None:
    client, _ = reviewed
    answer = client.get("/v1/products/red-shoe-1/reviews")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = ProductReviews.model_validate_json(answer.content)
    assert (found.count, found.rating_count, found.rating) == (2, 2, 2.5)
    assert {a.name: (a.positive, a.negative) for a in found.aspects} == {
        "quality": (0, 1), "comfort": (1, 0), "durability": (0, 1)
    }  # fmt: skip
    for quote in (*found.summary, *(q for a in found.aspects for q in a.quotes)):
        assert quote.text in {"r1": TEXT, "r2": "It broke."}[quote.review_id]
    assert "anna" not in answer.text
    none = client.get("/v1/products/red-shoe-0/reviews").json()
    assert (none["count"], none["aspects"], none["summary"], none["rating"]) == (0, [], [], None)
    assert client.get("/v1/products/none/reviews").status_code == 404
    assert client.get("/v1/products/red-shoe-1/reviews", params={"collection": "no"}).status_code == 404


def test_a_rating_is_a_field_of_the_product(reviewed: tuple[TestClient, Lake]) -> None:
    client, _ = reviewed
    product = client.get("/v1/products/red-shoe-1").json()["product"]
    assert (product["rating"], product["rating_count"]) == (2.5, 2)
    request = {"filter": {"field": "rating", "gte": 2}, "limit": 10}
    hits = client.post("/v1/search", json=request).json()
    assert sorted(hit["id"] for hit in hits["hits"]) == ["red-shoe-1", "red-shoe-2"], hits


def test_an_answer_is_kept_for_seconds(
    reviewed: tuple[TestClient, Lake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, lake = reviewed
    path = "/v1/products/red-shoe-2/reviews"
    assert client.get(path).json()["count"] == 1
    add(lake, tmp_path / "2.jsonl", ({"product_id": "red-shoe-2", "review_id": "r9", "rating": 1},))
    assert client.get(path).json()["count"] == 1
    monkeypatch.setattr(answers, "KEPT_SECONDS", 0.0)
    assert client.get(path).json()["rating"] == 3.0


def test_a_persons_reviews_are_handed_out_and_erased(reviewed: tuple[TestClient, Lake]) -> None:
    client, _ = reviewed
    assert client.get("/v1/products/red-shoe-1/reviews").json()["count"] == 2
    (held,) = client.get("/v1/users/anna").json()["reviews"]
    assert (held["review_id"], held["text"], held["rating"]) == ("r1", TEXT, 4.0)
    assert client.delete("/v1/users/anna").json()["reviews"] == 1
    assert (
        "reviews" not in client.get("/v1/users/anna").json()
        or not client.get("/v1/users/anna").json()["reviews"]
    )
    left = client.get("/v1/products/red-shoe-1/reviews").json()
    assert (left["count"], left["rating"]) == (1, 1.0)
    client.app.state.service.refresh()  # type: ignore[attr-defined]
    assert client.get("/v1/products/red-shoe-1").json()["product"]["rating"] == 1.0


def test_photos_are_handed_out_drawn_anew_and_to_nobody_else(
    reviewed: tuple[TestClient, Lake], tmp_path: Path
) -> None:
    client, lake = reviewed
    picture = Image.new("RGB", (240, 160), (250, 240, 10))
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    picture.save(tmp_path / "taken.jpg", exif=exif)
    (tmp_path / "notes.txt").write_text("no picture")
    photos = ["taken.jpg", "notes.txt", "/etc/passwd", "https://evil.example/x.jpg"]
    add(lake, tmp_path / "3.jsonl", (
        {"product_id": "red-shoe-3", "review_id": "r9", "rating": 4, "photos": photos},
    ))  # fmt: skip
    client.app.state.service.refresh()  # type: ignore[attr-defined]
    found = ProductReviews.model_validate_json(client.get("/v1/products/red-shoe-3/reviews").content)
    (photo,) = found.photos
    assert photo.review_id == "r9"
    path = f"/v1/products/red-shoe-3/reviews/photos/{photo.photo}"
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert b"taken at home" not in answer.content
    assert Image.open(io.BytesIO(answer.content)).size == (240, 160)
    assert client.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    small = client.get(path, params={"width": 160})
    assert Image.open(io.BytesIO(small.content)).size == (160, 107)
    assert client.get(path, params={"width": 161}).status_code == 422
    assert client.get(path.replace("shoe-3", "shoe-4")).status_code == 404
    assert client.get(path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 404
    assert client.get("/v1/products/red-shoe-3/reviews/photos/..%2f").status_code in (404, 422)
    asked = {"image": {"data": base64.b64encode(answer.content).decode()}}
    hits = client.post("/v1/search", json=asked).json()["hits"]
    assert hits[0]["id"] == "red-shoe-3"
    assert hits[0]["review_photo"] == {"review_id": "r9", "photo": photo.photo}
