"""Page cursors: behind which match the next page of a search begins.

A cursor names the last match shown, by what the matches are ordered by and its id, and carries what fixed the
scores. Where the version that it was made in is still held, that one answers; elsewhere the current one does,
and gives every product that did not change the same place, so that pages go on without a skip or a repeat.

A cursor is opaque to clients but not secret, and is checked against the request it comes with. Changing one
can only move the changer's own place in a result they may read anyway, so there is nothing to sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidRequest
from mmpipe.search.columns.words import Way, Word, plain
from mmpipe.search.find.aim import Aims
from mmpipe.search.find.meaning import MOST_ALSO, MOST_PARTS, Meaning, Part
from mmpipe.search.find.rank import START, After
from mmpipe.search.find.scoring import Lean, Scoring, Statistics, TextScale, VectorScale
from mmpipe.search.find.taste import Taste
from mmpipe.search.find.words import MOST_WAYS, Change, Understood
from mmpipe.search.page.window import MAX_WINDOW, Begin

if TYPE_CHECKING:
    from mmpipe.schemas.search import Heard, SearchRequest
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.rules.effects import Effects

_FORM: Literal[4] = 4
# What of a request says which products it finds, and in which order.
_PINNED = {
    "sort", "weights", "fusion", "understand", "filters", "filter", "boosts", "collapse", "diversity",
    "rerank", "rules", "context",
}  # fmt: skip
# As long as a request takes it, and bytes of what says where a page begins, the longest id included.
MAX_CURSOR = 16_000
_PLACE_BYTES = 700
# base64 of one byte a dimension.
_MAX_TASTE = 6_000
_Packed = Annotated[str, Field(max_length=_MAX_TASTE)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    n: Count
    l: Count  # noqa: E741
    df: Annotated[tuple[Count, ...], Field(max_length=64)]
    r: Annotated[int, Field(ge=1, le=64)]
    c: Annotated[float, Field(gt=0, le=1e12)]


Said = Annotated[str, Field(max_length=1_000)]
_Id = Annotated[str, Field(max_length=512)]
_Token = Annotated[str, Field(min_length=1, max_length=80)]
_Way = tuple[
    Annotated[float, Field(gt=0, le=100)],
    Annotated[tuple[_Token, ...], Field(min_length=1, max_length=1_000)],
]
# A word that is one token as it stands is given as that.
_Word = _Token | tuple[Said, Annotated[tuple[_Way, ...], Field(min_length=1, max_length=MOST_WAYS)]]
_Changes = Annotated[tuple[tuple[Said, Said], ...], Field(max_length=64)]
_Place = Annotated[int, Field(ge=0, le=10_000)]
_Name = Annotated[str, Field(max_length=200)]
_Amount = Annotated[str, Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]
_Part = tuple[
    Literal["brand", "color", "size", "gender", "age_group", "material", "pattern", "category", "price"],
    _Place,
    _Place,
    Literal["filter", "boost"],
    _Name | None,
    _Amount | None,
    _Amount | None,
    Annotated[str, Field(max_length=3)] | None,
    Annotated[tuple[_Name, ...], Field(max_length=MOST_ALSO)],
]
# The parts of a meaning, what is taken of its text, what was left out, and whether phrases are.
_Meant = tuple[
    Annotated[tuple[_Part, ...], Field(max_length=MOST_PARTS)],
    Annotated[tuple[tuple[_Place, _Place], ...], Field(max_length=2 * MOST_PARTS)],
    Annotated[tuple[Said, ...], Field(max_length=64)],
    bool,
]


class Cursor(BaseModel):
    """``version`` is the label of the version that the page before came from; ``digest`` names the search.

    The next page begins behind ``key``, the last match's score, price or other number (None: it has none),
    ``second``, what equals of it go by, and ``after``, its id; but first come those of ``rest``. ``n`` hits
    were shown, pins up to the position ``pinned`` among them. ``q`` names the search. ``text`` and ``vector``
    are the parts of a :class:`Scoring`; ``leans`` and ``bands`` belong to ``vector``. ``heard`` is the text
    and confidence of a spoken query and its language: later pages must not listen again, for the recogniser
    may have been adapted meanwhile and understand something else. ``words`` and what belongs to them are what
    the text was understood as, for the catalogue may know other words by now. ``taste`` is the packed vector,
    the weight and the bounds of the taste that the pages lean to: what the shopper does goes on meanwhile.
    ``meant`` is what the text means, by the catalogue's values of the first page. ``rules`` are the version
    and names of the merchandising rules that took part. Frozen.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    f: Literal[4]
    version: Annotated[str, Field(max_length=200)]
    digest: Annotated[str, Field(max_length=64)]
    key: Number | None
    after: _Id
    second: Number | None = None
    n: Annotated[int, Field(ge=0, le=2**31)] = 0
    pinned: Annotated[int, Field(ge=0, le=1_000)] = 0
    rest: Annotated[tuple[_Id, ...], Field(max_length=MAX_WINDOW)] = ()
    q: Annotated[str, Field(max_length=64)] | None = None
    words: Annotated[tuple[_Word, ...], Field(max_length=64)] = ()
    times: Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(max_length=64)] = ()
    heads: Annotated[tuple[Annotated[int, Field(ge=0, le=63)], ...], Field(max_length=64)] = ()
    corrected: _Changes = ()
    replaced: _Changes = ()
    text: _Text | None = None
    vector: tuple[Number, Number] | None = None
    aims: (
        tuple[
            _Packed | None,
            _Packed | None,
            Annotated[tuple[Annotated[str, Field(max_length=512)], ...], Field(max_length=20)],
        ]
        | None
    ) = None
    leans: Annotated[tuple[tuple[Modality, Share, Number, Number], ...], Field(max_length=4)] = ()
    bands: Annotated[tuple[tuple[Number, Number], ...], Field(max_length=16)] = ()
    weights: tuple[Share, Share] = (1.0, 1.0)
    heard: tuple[Annotated[str, Field(max_length=1_000)], Share, str | None] | None = None
    taste: tuple[Annotated[str, Field(max_length=_MAX_TASTE)], Share, Number, Number] | None = None
    meant: _Meant | None = None
    rules: (
        tuple[Count, Annotated[tuple[Annotated[str, Field(max_length=60)], ...], Field(max_length=20)]] | None
    ) = None

    def encode(self) -> str:
        """URL-safe text."""
        return _text_of(self.model_dump_json().encode())

    @property
    def begins(self) -> Begin:
        """Where the page begins."""
        return Begin(After(self.key, self.after, self.second), self.n, self.pinned, self.rest)

    @property
    def scoring(self) -> Scoring:
        """What fixed the scores."""
        text = None
        if self.text is not None:
            statistics = Statistics(self.text.n, self.text.l, self.text.df)
            text = TextScale(statistics, self.text.r, self.text.c)
        vector = None
        if self.vector is not None:
            vector = VectorScale(*self.vector, tuple(Lean(*lean) for lean in self.leans), self.bands)
        return Scoring(text, vector, *self.weights)

    @property
    def understood(self) -> Understood:
        """What the query's text was understood as."""
        return Understood(
            tuple(
                plain(word)
                if isinstance(word, str)
                else Word(word[0], tuple(Way(held, factor) for factor, held in word[1]))
                for word in self.words
            ),
            self.times,
            tuple(Change(*change) for change in self.corrected),
            tuple(Change(*change) for change in self.replaced),
            heads=self.heads,
        )

    def meaning(self, said: str | None) -> Meaning | None:
        """What the query's text ``said`` meant on the first page; None where its words were words alone."""
        if self.meant is None or said is None:
            return None
        parts, taken, relaxed, loose = self.meant
        return Meaning(said, tuple(_part(*part) for part in parts), taken, relaxed, loose)

    def pinned_taste(self, table: str, dim: int) -> Taste | None:
        """The taste of the pages before; None where there is none, and in another table, whose vectors other
        models made. Raises :class:`InvalidRequest` for a vector of other than ``dim`` dimensions."""
        if self.taste is None or self.version.rpartition("@")[0] != table:
            return None
        packed = _bytes_of(self.taste[0])
        if len(packed) != dim:
            raise _foreign()
        return Taste(packed, *self.taste[1:])

    def pinned_aims(self, table: str, dim: int) -> Aims | None:
        """What the pages before were aimed at; None as of :meth:`pinned_taste`, and raises as that does."""
        if self.aims is None or self.version.rpartition("@")[0] != table:
            return None
        like, unlike = (None if each is None else _bytes_of(each) for each in self.aims[:2])
        if any(len(packed) != dim for packed in (like, unlike) if packed is not None):
            raise _foreign()
        return Aims(like, unlike, self.aims[2])


_CURSOR = TypeAdapter(Cursor)


# A page is opened by several steps, each of which reads of the cursor what is its own.
@lru_cache(maxsize=64)
def decode(text: str) -> Cursor:
    """The inverse of :meth:`Cursor.encode`. Raises :class:`InvalidRequest` for anything else."""
    try:
        found = _CURSOR.validate_json(_bytes_of(text))
    except ValidationError:
        raise _foreign() from None
    text_part = found.text
    if text_part is not None and any(count > text_part.n for count in text_part.df):
        raise _foreign()
    if len(found.times) != len(found.words) or any(head >= len(found.words) for head in found.heads):
        raise _foreign()
    return found


def pinned_version(text: str | None) -> str | None:
    """The version a request's cursor was made in; None without a cursor."""
    return None if text is None else decode(text).version


def opened(text: str | None, digest: str) -> Cursor | None:
    """The cursor of a request; None without one. Raises :class:`InvalidRequest` where it belongs to another
    search."""
    if text is None:
        return None
    found = decode(text)
    if found.digest != digest or (found.text is not None and len(found.text.df) != len(found.words)):
        raise InvalidRequest(
            "cursor", "belongs to another search; send it with the same query, weights, filters and order"
        )
    return found


def fixed(
    version: str,
    digest: str,
    scoring: Scoring | None,
    heard: Heard | None,
    taste: Taste | None = None,
    understood: Understood | None = None,
    effects: Effects | None = None,
    query_id: str | None = None,
    meaning: Meaning | None = None,
    aims: Aims | None = None,
) -> dict[str, object]:
    """What every later page goes by, for :func:`after`."""
    # As :class:`Cursor` would be written, which takes ten times as long.
    found: dict[str, object] = {"f": _FORM, "version": version, "digest": digest}
    if scoring is not None:
        found["weights"] = (scoring.text_weight, scoring.vector_weight)
        if scoring.text is not None:
            s = scoring.text.statistics
            found["text"] = {
                "n": s.documents,
                "l": s.total_length,
                "df": s.holding,
                "r": scoring.text.required,
                "c": scoring.text.ceiling,
            }
        if scoring.vector is not None:
            scale = scoring.vector
            found["vector"] = (scale.floor, scale.best)
            if scale.leans:
                found["leans"] = [(x.modality, x.weight, x.offset, x.slope) for x in scale.leans]
            if scale.bands:
                found["bands"] = scale.bands
    if heard is not None:
        found["heard"] = (heard.text, heard.confidence, heard.language)
    if understood is not None and understood.words:
        found["words"] = [_said(word) for word in understood.words]
        found["times"] = understood.times
        found["heads"] = understood.heads
        for name, changes in (("corrected", understood.corrected), ("replaced", understood.replaced)):
            if changes:
                found[name] = [(change.asked, change.found) for change in changes]
    if taste is not None:
        found["taste"] = (_text_of(taste.packed), taste.weight, taste.floor, taste.best)
    if effects is not None:
        found["rules"] = effects.version, effects.names
    if query_id is not None:
        found["q"] = query_id
    if aims is not None:
        packed = (None if each is None else _text_of(each) for each in (aims.like, aims.unlike))
        found["aims"] = *packed, aims.groups
    if meaning is not None:
        parts = [_said_of(part) for part in meaning.parts]
        found["meant"] = parts, meaning.taken, meaning.relaxed, meaning.loose
    return found


def room(held: Mapping[str, object]) -> int:
    """How many bytes of JSON a cursor has room for besides what is :func:`fixed`, so that it may be sent."""
    return MAX_CURSOR * 3 // 4 - _PLACE_BYTES - len(to_json(held))


def after(held: Mapping[str, object], begins: Begin) -> str:
    """The cursor of the page that begins there; ``held`` is what is :func:`fixed`."""
    place = begins.after or START
    found = dict(held)
    found["key"], found["after"] = place.key, place.id
    if place.second is not None:
        found["second"] = place.second
    found["n"] = begins.shown
    if begins.pinned:
        found["pinned"] = begins.pinned
    if begins.rest:
        found["rest"] = begins.rest
    return _text_of(to_json(found))


def _said_of(part: Part) -> tuple[object, ...]:
    gte, lte = (None if bound is None else f"{bound:f}" for bound in (part.gte, part.lte))
    return part.field, part.start, part.end, part.applied, part.value, gte, lte, part.currency, part.also


def _part(
    field: str,
    start: int,
    end: int,
    applied: Literal["filter", "boost", "none"],
    value: str | None,
    gte: str | None,
    lte: str | None,
    currency: str | None,
    also: tuple[str, ...],
) -> Part:
    low, high = (None if bound is None else Decimal(bound) for bound in (gte, lte))
    return Part(field, start, end, applied, value, low, high, currency, also)


def _said(word: Word) -> object:
    if word.plain and word.ways[0].tokens[0] == word.text:
        return word.text
    return word.text, [(way.factor, way.tokens) for way in word.ways]


def _text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _foreign() from None


def digest_of(collection: str, request: SearchRequest, query: EncodedQuery) -> str:
    """What must not change from page to page: the query, its weights, its filters and the order. Page size,
    facets and explanation may."""
    asked = request.model_dump_json(include=_PINNED, exclude_defaults=True)
    # What is encoded of the text may be the same of two: what they say of prices is not.
    parts = [collection, asked, request.text or ""]
    digest = hashlib.blake2b(query.identity, digest_size=12)
    for part in parts:
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()


def _foreign() -> InvalidRequest:
    return InvalidRequest(
        "cursor", "is no cursor of this service; send next_cursor of the previous page as it is"
    )
