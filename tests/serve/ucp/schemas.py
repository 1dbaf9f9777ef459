"""The protocol's JSON Schemas, where they are: answers are held against them."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get("MMPIPE_UCP_SCHEMAS", Path(__file__).parents[4] / "shared" / "ucp" / "2026-04-08"))
needed = pytest.mark.skipif(
    not ROOT.is_dir(), reason=f"the protocol's schemas are not at {ROOT}: set MMPIPE_UCP_SCHEMAS"
)
_ANSWERS = {
    "search": "shopping/catalog_search.json#/$defs/search_response",
    "lookup": "shopping/catalog_lookup.json#/$defs/lookup_response",
    "product": "shopping/catalog_lookup.json#/$defs/get_product_response",
}
_ADDRESS = "https://ucp.dev/schemas/"


@cache
def registry() -> Any:
    from referencing import Registry, Resource

    found = []
    for path in ROOT.rglob("*.json"):
        resource = Resource.from_contents(json.loads(path.read_text(encoding="utf-8")))
        # By the names of the files, which their $id repeats.
        found.append((_ADDRESS + path.relative_to(ROOT).as_posix(), resource))
    return Registry().with_resources(found)


@cache
def _validator(reference: str) -> Any:
    from jsonschema import Draft202012Validator

    schema = {"$ref": _ADDRESS + reference}
    return Draft202012Validator(
        schema, registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def check(reference: str, document: Any) -> None:
    """Fails where ``document`` is not as the schema has it; nothing where there are no schemas."""
    if ROOT.is_dir():
        faults = [
            f"{fault.json_path}: {fault.message}" for fault in _validator(reference).iter_errors(document)
        ]
        assert faults == []


def check_answer(operation: str, answer: dict[str, Any]) -> None:
    """The same of an operation's answer, an error among them."""
    if answer["ucp"]["status"] == "error":
        check("ucp.json#/$defs/error", answer["ucp"])
        for message in answer["messages"]:
            check("shopping/types/message_error.json" if message["type"] == "error" else
                  "shopping/types/message.json", message)  # fmt: skip
    else:
        check(_ANSWERS[operation], answer)


def accepts(reference: str, document: Any) -> bool:
    """Whether the schema takes it: that the checks can fail at all."""
    return bool(_validator(reference).is_valid(document))
