"""What a caller gives to a search, a list or a turn, to the requests of the HTTP API.

Media are told as callers have them (:data:`Media`); a file's bytes travel beside the request. Whatever is
wrong with an argument is an ``InvalidRequest`` that names it, before anything is sent.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, TypedDict, TypeVar, runtime_checkable

from pydantic import BaseModel, ValidationError

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.assistant import AssistantRequest
from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.search import Boost, Facet, Filters, Fusion, Meaning, SearchRequest, Sort, Unlike, Weights

M = TypeVar("M", bound=BaseModel)
_MEDIA: Final = ("image", "audio", "video")
# Pixels up to which a picture in memory is sent without loss.
_LOSSLESS: Final = 1_000_000


@runtime_checkable
class Picture(Protocol):
    """A picture in memory: ``PIL.Image.Image``."""

    @property
    def mode(self) -> str:
        """As Pillow has them: RGB, L and so on."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """Write it in a format."""


Media: TypeAlias = str | os.PathLike[str] | bytes | Picture
"""A file's path or bytes, an ``https://`` or ``data:`` address, or a picture in memory."""
Box: TypeAlias = tuple[float, float, float, float]


class SearchOptions(TypedDict, total=False):
    """What a search may say beside its text, by the names of
    :class:`~mmpipe.schemas.search.SearchRequest`; models may be given as mappings. ``crop`` is the box of
    ``image`` that is meant: left, top, right, bottom, as parts of its width and height."""

    collection: str | None
    image: Media | None
    crop: Box | None
    audio: Media | None
    video: Media | None
    like: Sequence[str]
    unlike: Unlike | Mapping[str, Any] | str | None
    audio_as: Literal["auto", "speech", "sound"]
    weights: Weights | Mapping[str, float] | None
    fusion: Fusion | None
    understand: Meaning | None
    filters: Filters | Mapping[str, Any] | None
    filter: Condition | Mapping[str, Any] | None
    boosts: Sequence[Boost | Mapping[str, Any]]
    facets: Sequence[str | Facet | Mapping[str, Any]]
    sort: Sort
    collapse: bool
    diversity: float
    rerank: bool | None
    rules: bool
    context: Mapping[str, str]
    limit: int
    cursor: str | None
    explain: bool | Literal["scores"]
    fields: Sequence[str]
    highlight: bool
    user_id: str | None
    session_id: str | None
    personalise: bool


@dataclass(frozen=True, slots=True)
class AskedSearch:
    """A search, and the files that go beside it by modality (a file stands for the same field)."""

    request: SearchRequest
    files: Mapping[str, bytes] = field(default_factory=dict)


def search_of(text: str | None, options: Mapping[str, Any]) -> AskedSearch:
    """A search by text and :class:`SearchOptions`. Reads files. Raises ``InvalidRequest``."""
    asked = {name: value for name, value in options.items() if value is not None}
    files: dict[str, bytes] = {}
    for name in _MEDIA:
        if name not in asked:
            continue
        given = medium(name, asked.pop(name))
        if isinstance(given, bytes):
            files[name] = given
        else:
            asked[name] = {"uri": given}
    crop = asked.pop("crop", None)
    if crop is not None:
        if "image" in files:
            asked["image"] = {"data": base64.b64encode(files.pop("image")).decode()}
        elif "image" not in asked:
            raise InvalidRequest("crop", "is a box of a picture: give image as well")
        asked["image"]["crop"] = tuple(crop)
    if isinstance(asked.get("unlike"), str):
        asked["unlike"] = {"text": asked["unlike"]}
    return AskedSearch(model_of(SearchRequest, {"text": text, **asked}), files)


def turn_of(text: str | None, given: Mapping[str, Any]) -> AssistantRequest:
    """One turn of a conversation; ``image`` and ``audio`` among what is given are :data:`Media`. Reads files.
    Raises ``InvalidRequest``."""
    asked = {name: value for name, value in given.items() if value is not None}
    for name in ("image", "audio"):
        if name in asked:
            found = medium(name, asked[name])
            asked[name] = (
                {"uri": found} if isinstance(found, str) else {"data": base64.b64encode(found).decode()}
            )
    return model_of(AssistantRequest, {"text": text, **asked})


def model_of(model: type[M], given: Mapping[str, Any]) -> M:
    """``model`` from arguments. Raises ``InvalidRequest`` for the first that is not valid."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "request"
        raise InvalidRequest(where, fault["msg"].removeprefix("Value error, ")) from None


def medium(name: str, given: Media) -> bytes | str:
    """A medium's bytes, or its address. Raises ``InvalidRequest`` that names the argument ``name``."""
    if isinstance(given, (bytes, bytearray, memoryview)):
        data = bytes(given)
    elif isinstance(given, str) and given.startswith(("https://", "http://", "data:")):
        return given
    elif isinstance(given, (str, os.PathLike)):
        try:
            data = Path(given).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InvalidRequest(name, f"{str(given)[:200]!r} cannot be read: {reason}") from None
    elif isinstance(given, Picture):
        try:
            data = _encoded(given)
        except OSError as error:
            raise InvalidRequest(name, f"{error}: give it as picture.convert('RGB')") from None
    else:
        raise InvalidRequest(name, f"is of type {type(given).__name__}: give a path, bytes or a PIL image")
    if not data:
        raise InvalidRequest(name, "is an empty file: send the file's bytes or leave it out")
    return data


def _encoded(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    if picture.mode in ("RGB", "L") and picture.size[0] * picture.size[1] > _LOSSLESS:
        picture.save(buffer, format="JPEG", quality=95)
    else:
        picture.save(buffer, format="PNG")
    return buffer.getvalue()
