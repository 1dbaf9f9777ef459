"""What this service has beyond the protocol, as the protocol wants it declared: a JSON Schema for each
extension that composes its parent's requests and answers with what it adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mmpipe.serve.ucp.names import PARENTS, PROTOCOL, SEARCH, VERSION
from mmpipe.serve.ucp.requests import GetProduct, SearchCatalog
from mmpipe.serve.ucp.terms import named

if TYPE_CHECKING:
    from mmpipe.serve.ucp.names import Extension

SCHEMAS: Final = "/ucp/schemas"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = f"{PROTOCOL}/schemas/shopping/types"
_TITLES: Final[dict[Extension, str]] = {
    "image_search": "A picture as search input",
    "facets": "Counts of values beside search results",
    "recommendations": "Products beside one product",
}
_FACET: Final = {
    "type": "object",
    "required": ["value", "count"],
    "properties": {
        "value": {"type": "string"},
        "count": {"type": "integer", "minimum": 0},
        "price_range": {"$ref": f"{_TYPES}/price_range.json"},
    },
}
_LIST: Final = {"type": "array", "items": {"$ref": f"{_TYPES}/product.json"}}
# Of each extension: the member of requests and where it is described, and what answers have.
_REQUESTS: Final[dict[Extension, tuple[type[BaseModel], str, str]]] = {
    "image_search": (SearchCatalog, "image", "search_request"),
    "facets": (SearchCatalog, "facets", "search_request"),
    "recommendations": (GetProduct, "recommendations", "get_product_request"),
}
_ANSWERS: Final[dict[Extension, tuple[str, dict[str, Any]]]] = {
    "facets": (
        "search_response",
        {"facets": {"type": "object", "additionalProperties": {"type": "array", "items": _FACET}}},
    ),
    "recommendations": (
        "get_product_response",
        {"recommendations": {"type": "object", "properties": {"similar": _LIST, "complements": _LIST}}},
    ),
}


def schema(extension: Extension, base: str, namespace: str | None) -> dict[str, Any]:
    """The schema of one extension of a service at ``base``."""
    parent = PARENTS[extension]
    model, member, request = _REQUESTS[extension]
    composed: dict[str, Any] = {request: _with(parent, request, {member: _member(model, member)})}
    if extension in _ANSWERS:
        answer, added = _ANSWERS[extension]
        composed[answer] = _with(parent, answer, added)
    _, definitions = models_json_schema([(model, "validation")], ref_template="#/$defs/{model}")
    needed = _needed(composed[request], definitions["$defs"])
    return {
        "$schema": _DIALECT,
        "$id": f"{base}{SCHEMAS}/{extension}.json",
        "name": named(namespace, extension),
        "title": _TITLES[extension],
        "requires": {"protocol": {"min": VERSION}, "capabilities": {parent: {"min": VERSION}}},
        "$defs": {**needed, parent: {"type": "object", "$defs": composed}},
    }


def _with(parent: str, name: str, added: dict[str, Any]) -> dict[str, Any]:
    file = "catalog_search" if parent == SEARCH else "catalog_lookup"
    return {
        "allOf": [
            {"$ref": f"{PROTOCOL}/schemas/shopping/{file}.json#/$defs/{name}"},
            {"type": "object", "properties": added},
        ]
    }


def _member(model: type[BaseModel], member: str) -> dict[str, Any]:
    found: dict[str, Any] = model.model_json_schema(ref_template="#/$defs/{model}")["properties"][member]
    return found


def _needed(node: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that a schema refers to, and those that these do."""
    found: dict[str, Any] = {}
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            name = str(each.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in found:
                found[name] = definitions[name]
                waiting.append(definitions[name])
            waiting += each.values()
    return found
