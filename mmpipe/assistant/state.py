"""What a conversation has come to, as it travels with the caller: any replica goes on from it.

A state is opaque to clients but not secret. It says what the caller said and which public products were
shown, all of which the caller could ask for outright, so there is nothing to sign; but it is validated as
strictly as a request, and bounded.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.assistant import MAX_STATE

_FORM: Final = 1
_MAX_BYTES: Final = 20_000
MAX_WORDS, MAX_FIELDS, MAX_VALUES, MAX_SEEN, MAX_WITHOUT = 200, 8, 8, 30, 6
Words = Annotated[str, StringConstraints(max_length=MAX_WORDS)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Slot = Literal["size", "budget", "product"]
Name = Literal["brand", "color", "size", "gender", "age_group", "material", "pattern", "category"]
Values = Annotated[tuple[Words, ...], Field(min_length=1, max_length=MAX_VALUES)]
MAX_PRICE = Decimal("999999999999")
Price = Annotated[Decimal, Field(ge=0, le=MAX_PRICE, allow_inf_nan=False)]


class Wishes(BaseModel):
    """What is looked for: ``text`` in words, ``fields`` that have any of some values, ``nots`` that have none
    of them, ``without`` words that no product is to say, products that are ``like`` these, and a price.
    ``below`` is a price that is too high already."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: Words = ""
    fields: Annotated[dict[Name, Values], Field(max_length=MAX_FIELDS)] = {}
    nots: Annotated[dict[Name, Values], Field(max_length=MAX_FIELDS)] = {}
    without: Annotated[tuple[Words, ...], Field(max_length=MAX_WITHOUT)] = ()
    like: Annotated[tuple[Id, ...], Field(max_length=3)] = ()
    gte: Price | None = None
    lte: Price | None = None
    below: Price | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.like or self.fields)


class Conversation(BaseModel):
    """``shown`` are the products of the answer before, in their order, ``compared`` those that were compared
    last, ``focus`` the one that was spoken of, ``seen`` all that were shown for these wishes; ``pending`` is
    what was asked last, ``asked`` all that was for these wishes, and ``question`` the caller's own that waits
    for a product."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    form: Literal[1] = _FORM
    collection: Annotated[str, StringConstraints(max_length=63)]
    language: Literal["en", "zh"] | None = None
    wishes: Wishes = Wishes()
    shown: Annotated[tuple[Id, ...], Field(max_length=10)] = ()
    seen: Annotated[tuple[Id, ...], Field(max_length=MAX_SEEN)] = ()
    compared: Annotated[tuple[Id, ...], Field(max_length=10)] = ()
    focus: Id | None = None
    pending: Slot | None = None
    asked: Annotated[tuple[Slot, ...], Field(max_length=3)] = ()
    question: Words = ""

    def token(self) -> str:
        """The conversation as callers carry it."""
        packed = zlib.compress(self.model_dump_json(exclude_defaults=True).encode(), 6)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def opened(token: str | None, collection: str) -> Conversation:
    """The conversation of a token, a new one without. Raises :class:`InvalidRequest` for what is none, and
    for one of another collection."""
    if token is None:
        return Conversation(collection=collection)
    try:
        conversation = Conversation.model_validate_json(_unpacked(token), strict=True)
    except (ValidationError, ValueError, binascii.Error, zlib.error):
        raise InvalidRequest(
            "state", "is no state of a conversation; send that of the answer before, or leave it out"
        ) from None
    if conversation.collection != collection:
        raise InvalidRequest("state", "is of another collection; leave it out to begin a conversation")
    return conversation


def _unpacked(token: str) -> bytes:
    if len(token) > MAX_STATE or not token.isascii():
        raise ValueError
    packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    inflate = zlib.decompressobj()
    # A few bytes may stand for gigabytes.
    found = inflate.decompress(packed, _MAX_BYTES)
    if inflate.unconsumed_tail or not inflate.eof:
        raise ValueError
    return found
