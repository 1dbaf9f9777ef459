"""A form says of pictures what JSON says: which box is meant, and which picture is not wanted."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.serve.conftest import COLORS, png


def both_colours() -> bytes:
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:, :16], picture[:, 16:] = COLORS["red"], COLORS["blue"]
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


WHOLE = both_colours()
BLUE = png(COLORS["blue"])
RIGHT = [0.5, 0, 1, 1]


def data(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def found(answer: Any) -> list[tuple[str, float]]:
    assert answer.status_code == 200, answer.text
    return [(hit["id"], hit["score"]) for hit in answer.json()["hits"]]


def form(client: TestClient, files: dict[str, bytes], **fields: str) -> Any:
    sent = {name: ("x.png", content, "image/png") for name, content in files.items()}
    return client.post("/v1/search", files=sent, data=fields)


@pytest.mark.parametrize(
    ("files", "fields", "asked"),
    [
        ({"image": WHOLE}, {"image.crop": RIGHT}, {"image": {"data": data(WHOLE), "crop": RIGHT}}),
        (
            {"image": WHOLE, "not.image": BLUE},
            {},
            {"image": {"data": data(WHOLE)}, "not": {"image": {"data": data(BLUE)}}},
        ),
        (
            {"image": WHOLE, "not.image": WHOLE},
            {"not.image.crop": RIGHT},
            {"image": {"data": data(WHOLE)}, "not": {"image": {"data": data(WHOLE), "crop": RIGHT}}},
        ),
        (
            {"not.image": BLUE},
            {"text": "shoe", "not": {"text": "red"}},
            {"text": "shoe", "not": {"text": "red", "image": {"data": data(BLUE)}}},
        ),
        (
            {"image": WHOLE, "not.image": BLUE},
            {"request": {"text": "bag", "not": {"like": ["red-bag-1"]}}, "image.crop": RIGHT},
            {
                "text": "bag",
                "image": {"data": data(WHOLE), "crop": RIGHT},
                "not": {"like": ["red-bag-1"], "image": {"data": data(BLUE)}},
            },
        ),
    ],
)
def test_a_form_is_answered_as_the_json_that_it_stands_for(
    client: TestClient, files: dict[str, bytes], fields: dict[str, Any], asked: dict[str, Any]
) -> None:
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in fields.items()}
    as_json = found(client.post("/v1/search", json=asked))
    assert as_json
    assert found(form(client, files, **texts)) == as_json


def test_what_is_said_of_a_picture_changes_what_is_found(client: TestClient) -> None:
    plain = found(form(client, {"image": WHOLE}))
    assert found(form(client, {"image": WHOLE}, **{"image.crop": "[0.5, 0, 1, 1]"})) != plain
    assert found(form(client, {"image": WHOLE, "not.image": BLUE})) != plain


@pytest.mark.parametrize(
    ("files", "fields", "field"),
    [
        ({}, {"text": "x", "image.crop": "[0, 0, 1, 1]"}, "image.crop"),
        ({"not.image": BLUE}, {"image.crop": "[0, 0, 1, 1]"}, "image.crop"),
        ({"image": BLUE}, {"not.image.crop": "[0, 0, 1, 1]"}, "not.image.crop"),
        ({"image": BLUE}, {"image.crop": "0,0,1,1"}, "image.crop"),
        ({"image": BLUE}, {"image.crop": "[0, 0, 1]"}, "image.crop"),
        ({"image": BLUE}, {"image.crop": "[0.9, 0, 0.1, 1]"}, "image.crop"),
        ({"image": BLUE}, {"image.crop": "[0, 0, NaN, 1]"}, "image.crop"),
        ({"image": BLUE}, {"image.crop": "[0, 0, 0.01, 1]"}, "image.crop"),
        ({"image": BLUE}, {"image.crop": "[" * 150}, "image.crop"),
        ({"not.image": BLUE}, {"not.image.crop": '{"a": 1}'}, "not.image.crop"),
        ({"not.image": b"no picture"}, {"text": "x"}, "not.image"),
        ({"not.image": b""}, {"text": "x"}, "not.image"),
        ({}, {"text": "x", "not.image": "no file"}, "not.image"),
        (
            {"not.image": BLUE},
            {"text": "x", "not": json.dumps({"image": {"data": data(BLUE)}})},
            "not.image",
        ),
    ],
)
def test_what_is_wrong_is_named(
    client: TestClient, files: dict[str, bytes], fields: dict[str, str], field: str
) -> None:
    parts: list[Any] = [(name, ("x.png", content)) for name, content in files.items()]
    answer = client.post(
        "/v1/search", files=[*parts, *((name, (None, value)) for name, value in fields.items())]
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


def test_too_long_a_box_and_two_of_them(client: TestClient) -> None:
    long = form(client, {"image": BLUE}, **{"image.crop": "[0, 0, 1, 1" + " " * 300 + "]"})
    assert long.status_code == 413
    twice = client.post(
        "/v1/search",
        files=[("image", ("x.png", BLUE)), *[("image.crop", (None, "[0, 0, 1, 1]"))] * 2],
    )
    assert twice.status_code == 422
    assert twice.json()["field"] == "image.crop"
