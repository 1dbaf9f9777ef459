"""OpenAPI parts that FastAPI cannot derive: bodies read by hand, problem documents; and the docs page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from mmpipe.schemas.problem import CONTENT_TYPE, Problem
from mmpipe.schemas.search import Fusion, Meaning, Sort

_CROP = "left, top, right, bottom, as parts of its width and height"
_REF = "#/components/schemas/{model}"
_EXAMPLE = {
    "text": "red running shoes",
    "filters": {"price": {"lte": 120}, "availability": ["in_stock"]},
    "facets": ["brand", "color"],
    "limit": 10,
}
_MEANINGS = {
    408: "The request did not arrive in time",
    400: "The body cannot be read",
    401: "No valid API key",
    403: "This API key may not use the route",
    404: "No such collection or product",
    409: "It was replaced by another in the meantime, or may not be made live",
    413: "The body, what it holds, or a medium is over the limit",
    414: "The query string is over the limit",
    415: "The body's content type is not supported",
    416: "There is no such range of it",
    429: "This caller asks too much at once; try again after Retry-After seconds",
    422: "A field is not valid; `field` and `errors` name it and the remedy",
    503: "Temporarily not able to answer; try again after Retry-After seconds",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of one route."""
    schema = {"$ref": _REF.format(model="Problem")}
    return {s: {"description": _MEANINGS[s], "content": {CONTENT_TYPE: {"schema": schema}}} for s in statuses}


def json_body(model: type[BaseModel], example: dict[str, Any] | None = None) -> dict[str, Any]:
    """``openapi_extra`` of a route with a JSON body."""
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(model=model.__name__)}}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def search_body(model: type[BaseModel]) -> dict[str, Any]:
    """``openapi_extra`` of the search route: JSON, or a form with files."""
    extra = json_body(model, _EXAMPLE)
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    crop = {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "minItems": 4,
        "maxItems": 4,
    }
    form = {
        "type": "object",
        "description": "Either a `request` part with the JSON document, or its fields as parts; and files.",
        "properties": {
            "request": {"$ref": _REF.format(model=model.__name__)},
            "image": {**file, "description": "JPEG, PNG, WebP or GIF"},
            "image.crop": {**crop, "description": "only this box of `image`, as JSON: " + _CROP},
            "not.image": {**file, "description": "a picture that nothing found is to be like"},
            "not.image.crop": {**crop, "description": "only this box of `not.image`, as JSON"},
            "audio": {**file, "description": "WAV, FLAC, OGG, MP3 or M4A"},
            "video": {**file, "description": "MP4, MOV, WebM or MKV"},
            "audio_as": {"type": "string", "enum": ["auto", "speech", "sound"], "default": "auto"},
            "text": {"type": "string"},
            "collection": {"type": "string"},
            "limit": {"type": "integer"},
            "cursor": {"type": "string"},
            "facets": {"type": "array", "items": {"type": "string"}},
            "sort": {"type": "string", "enum": list(get_args(Sort)), "default": "relevance"},
            "collapse": {"type": "boolean", "default": False},
            "diversity": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
            "like": {"type": "array", "items": {"type": "string"}},
            "not": {"$ref": _REF.format(model="Unlike"), "description": "as JSON"},
            "boosts": {
                "type": "array",
                "items": {"$ref": _REF.format(model="Boost")},
                "description": "as JSON",
            },
            "understand": {"type": "string", "enum": list(get_args(Meaning))},
            "fusion": {"type": "string", "enum": list(get_args(Fusion))},
            "rules": {"type": "boolean", "default": True},
            "context": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "as JSON",
            },
            "rerank": {"type": "boolean"},
            "highlight": {"type": "boolean", "default": False},
            "fields": {"type": "array", "items": {"type": "string"}},
            "filters": {"$ref": _REF.format(model="Filters"), "description": "as JSON"},
            "filter": {"$ref": _REF.format(model="Condition"), "description": "as JSON"},
            "weights": {"$ref": _REF.format(model="Weights"), "description": "as JSON"},
            "explain": {"type": "string", "enum": ["scores", "true", "false"], "default": "scores"},
            "user_id": {"type": "string"},
            "session_id": {"type": "string"},
            "personalise": {"type": "boolean", "default": True},
        },
    }
    extra["requestBody"]["content"]["multipart/form-data"] = {"schema": form}
    return extra


def document(
    app: FastAPI, described: Sequence[BaseRoute], bodies: tuple[type[BaseModel], ...]
) -> Callable[[], dict[str, Any]]:
    """A replacement for ``app.openapi`` that tells of the routes ``described`` and knows the bodies read by
    hand; made once, then kept."""

    @cache
    def build() -> dict[str, Any]:
        spec = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=described
        )
        models: list[type[BaseModel]] = [*bodies, Problem]
        _, definitions = models_json_schema([(m, "validation") for m in models], ref_template=_REF)
        schemas = spec.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in definitions["$defs"].items():
            schemas.setdefault(name, schema)
        # Every validation error here is a problem document; FastAPI's own shape never leaves this service.
        for name, path in spec["paths"].items():
            for operation in path.values():
                answers = operation["responses"]
                if name.startswith("/v1/"):  # before any route is asked
                    answers.update({str(status): problems(status)[status] for status in (408, 429, 503)})
                if "HTTPValidationError" in str(answers.get("422", "")):
                    answers.update({"422": problems(422)[422]})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return spec

    return build


@cache
def docs_page() -> bytes:
    """A page that renders ``openapi.json`` and sends requests, with nothing loaded from elsewhere."""
    return files("mmpipe.serve.http").joinpath("docs.html").read_bytes()
