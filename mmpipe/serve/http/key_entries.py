"""API keys as they are kept: each by its SHA-256 digest, with what its holder may do.

A key is 256 random bits, so its digest is enough to know it by and nothing to find it from; no key is kept
anywhere. What is kept is a JSON object of the callers' names to their entries::

    {"shop-web": {"sha256": "…64 hex digits…", "scopes": ["search", "interactions"], "collections": ["shop"],
                  "rate": 50, "burst": 100, "concurrent": 16, "expires": "2027-01-31T00:00:00Z"}}

The last four may be left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmpipe.errors import InvalidRequest, PermanentError
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.serve.answer.tenancy import Grant

Scope = Literal["search", "interactions", "admin", "agent", "metrics"]
SCOPES: Final[tuple[str, ...]] = get_args(Scope)
"""``search`` asks; ``interactions`` tells what shoppers do; ``admin`` is for the shop's people: rules,
synonyms, analytics, stock, persons, uploads, rejects, what is live; ``agent`` is the doors for agents;
``metrics`` is for whoever runs the service."""
EVERY: Final = "*"
DEMO_KEY: Final = "mmpipe-demo-key"
"""The key of the stack on one machine, which everybody knows; nothing else takes it."""
# Of a key that says nothing of it: more than a page of a shop asks, and a small part of what a replica can.
RATE, BURST = 50.0, 100
_PREFIX: Final = "mmp_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_NAMES = "1 to 63 letters, digits, dots, dashes or underscores"
_MAX_COLLECTIONS = 1_000


class InvalidKeys(PermanentError):
    """What a setting holds are no keys; ``str`` names the setting, entry and field, and shows no value."""


class Entry(BaseModel):
    """What is kept of one key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    collections: tuple[str, ...] = Field(min_length=1, max_length=_MAX_COLLECTIONS)
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None
    concurrent: Annotated[int, Field(ge=1)] | None = None
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _collections_are_names(self) -> Entry:
        if EVERY in self.collections:
            if len(self.collections) > 1:
                raise ValueError(f'collections: "{EVERY}" is every one; name no other beside it')
        elif not all(COLLECTION_PATTERN.fullmatch(name) for name in self.collections):
            raise ValueError(f'collections: give names of collections, or "{EVERY}" alone for every one')
        elif "metrics" in self.scopes:
            raise ValueError(f'scopes: metrics tell of every collection; give collections as ["{EVERY}"]')
        return self


@dataclass(frozen=True, slots=True)
class Key:
    """One caller's key, without it: who holds it, what it is for and what it may take of a replica."""

    grant: Grant
    rate: float | None = None
    burst: int | None = None
    concurrent: int | None = None
    expires: datetime | None = None

    @property
    def name(self) -> str:
        """The caller's name."""
        return self.grant.name

    def expired(self, now: datetime | None = None) -> bool:
        """Whether its time is over."""
        return self.expires is not None and (now or datetime.now(UTC)) >= self.expires


Keys = Mapping[bytes, Key]
"""Each caller's key by its SHA-256 digest."""


def digest_of(key: str) -> bytes:
    """What a key is known by."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def new_key(
    name: str,
    scopes: Sequence[str],
    collections: Sequence[str],
    *,
    rate: float | None = RATE,
    burst: int | None = BURST,
    concurrent: int | None = None,
    expires: datetime | None = None,
) -> tuple[str, Entry]:
    """A key that nobody has seen before, and what is to be kept of it. Raises ``InvalidRequest``."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("name", f"give {_NAMES}")
    key = _PREFIX + secrets.token_urlsafe(32)
    given = {
        "sha256": digest_of(key).hex(),
        "scopes": list(dict.fromkeys(scopes)),
        "collections": list(dict.fromkeys(collections)),
        "rate": rate,
        "burst": burst,
        "concurrent": concurrent,
        "expires": expires,
    }
    try:
        return key, Entry.model_validate(given)
    except ValidationError as error:
        place, fault = _fault(error)
        raise InvalidRequest(place, fault) from None


def parse_keys(text: str, setting: str) -> Keys:
    """The keys of such an object; an empty one gives none, which lets nobody in.

    Names are 1 to 63 letters, digits, dots, dashes or underscores. Raises :class:`InvalidKeys` naming
    ``setting``.
    """
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        held = None  # the error would hold the text
    if not isinstance(held, dict):
        raise InvalidKeys(f"{setting}: not a JSON object of names to entries, as `mmpipe keys new` prints it")
    found: dict[bytes, Key] = {}
    for number, (name, given) in enumerate(held.items(), start=1):
        # Entries are told by their number: where name and key were mixed up, the name is the secret.
        where = f"{setting}: entry {number}"
        if not _NAME.fullmatch(name):
            raise InvalidKeys(
                f"{where}: its name is not 1 to 63 letters, digits, dots, dashes or underscores"
            )
        if isinstance(given, str):
            raise InvalidKeys(
                f"{where} is a text, and keys are not kept: put what `mmpipe keys new` prints, and hand the"
                " key itself to its holder"
            )
        try:
            entry = Entry.model_validate(given)
        except ValidationError as error:
            place, fault = _fault(error)
            raise InvalidKeys(f"{where}: {place}: {fault}") from None
        digest = bytes.fromhex(entry.sha256)
        if digest == _DEMO:
            raise InvalidKeys(f"{where} is the demo key, which everybody knows; make one of its own")
        if digest in found:
            raise InvalidKeys(f"{where} has the key of another name; give each caller its own")
        found[digest] = Key(_grant(name, entry), entry.rate, entry.burst, entry.concurrent, entry.expires)
    return found


def demo_keys() -> Keys:
    """The one key of the stack on one machine, which may do everything."""
    return {_DEMO: Key(Grant("demo", frozenset(SCOPES), None))}


def _grant(name: str, entry: Entry) -> Grant:
    every = entry.collections == (EVERY,)
    return Grant(name, frozenset(entry.scopes), None if every else frozenset(entry.collections))


def _fault(error: ValidationError) -> tuple[str, str]:
    """Field and fault of the first, never its value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        place, colon, rest = message.partition(": ")
        return (place, rest) if colon else ("entry", message)
    place = ".".join(str(part)[:20] for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return "entry", "has a field that no entry has"
    return place, message


_DEMO: Final = digest_of(DEMO_KEY)
