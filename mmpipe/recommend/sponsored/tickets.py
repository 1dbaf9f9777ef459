"""What an auction decided, carried by the ``query_id`` of its answer.

A click comes back with the ``query_id``, to any replica. The id itself says which places were sold at what
price, and a keyed hash binds each price to its product and collection: nothing has to be looked up, and
nobody without the key can make one. ``sp1.<random>.<minutes>.<currency>`` is followed by
``.<position>-<price>-<hash>`` a place; numbers are in base 36, the hash is 64 bits of HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mmpipe.errors import CommitConflict, ObjectNotFound

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

# The most that a query_id of 128 characters holds.
MAX_PLACES: Final = 4
_PREFIX: Final = "sp1"
_MAX_LENGTH: Final = 128
_KEY_BYTES: Final = 32
_HEAD = re.compile(r"[A-Za-z0-9_-]{8}\.[0-9a-z]{1,6}\.[A-Z]{3}", re.ASCII)
_PLACE = re.compile(r"([0-9a-z]{1,2})-([0-9a-z]{1,8})-([A-Za-z0-9_-]{11})", re.ASCII)
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Placement:
    """A sold place: the product, where in the list it stands (0 is first), and what a click on it (or its
    impression) costs in millionths of ``currency``."""

    product_id: str
    position: int
    price: int
    currency: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A placement, the answer it was in (``query_id``) and when that was, to the minute."""

    query_id: str
    placement: Placement
    made_at: datetime

    @property
    def day(self) -> str:
        """The UTC day whose budget pays."""
        return self.made_at.date().isoformat()

    @property
    def digest(self) -> str:
        """What tells this place from every other one."""
        return hashlib.sha256(f"{self.query_id}\0{self.placement.product_id}".encode()).hexdigest()[:32]


class Tickets:
    """Makes and reads the ids of one collection."""

    def __init__(self, key: bytes, collection: str) -> None:
        self._key = key
        self._collection = collection

    def seal(self, placements: Sequence[Placement], now: datetime) -> str:
        """A fresh ``query_id`` for an answer with these places, at most :data:`MAX_PLACES` of one currency,
        of at most 128 characters. Raises ``ValueError`` for others."""
        currencies = {placement.currency for placement in placements}
        if not 0 < len(placements) <= MAX_PLACES or len(currencies) != 1:
            raise ValueError(f"a ticket is of 1 to {MAX_PLACES} places in one currency")
        minutes = _base36(int(now.timestamp() // 60))
        head = f"{secrets.token_urlsafe(6)}.{minutes}.{currencies.pop()}"
        places = [
            f"{_base36(each.position)}-{_base36(each.price)}-"
            + self._hash(head, each.product_id, each.position, each.price)
            for each in placements
        ]
        return ".".join([_PREFIX, head, *places])

    def open(self, query_id: str | None, product_id: str | None) -> Ticket | None:
        """The place of a product in the answer; None where the id is none of this collection's, or the
        product had no place in it."""
        if not query_id or not product_id or len(query_id) > _MAX_LENGTH:
            return None
        prefix, _, rest = query_id.partition(".")
        parts = rest.split(".")
        head = ".".join(parts[:3])
        if prefix != _PREFIX or not _HEAD.fullmatch(head):
            return None
        for part in parts[3 : 3 + MAX_PLACES]:
            found = _PLACE.fullmatch(part)
            if found is None:
                return None
            position, price = int(found[1], 36), int(found[2], 36)
            if hmac.compare_digest(found[3], self._hash(head, product_id, position, price)):
                made = datetime.fromtimestamp(int(parts[1], 36) * 60, UTC)
                # Whatever else was put behind the places, the answer is the same one.
                bare = f"{_PREFIX}.{head}"
                return Ticket(bare, Placement(product_id, position, price, parts[2]), made)
        return None

    def _hash(self, head: str, product_id: str, position: int, price: int) -> str:
        said = "\0".join([self._collection, head, product_id, str(position), str(price)])
        digest = hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(digest[:8]).decode().rstrip("=")


def looks_sealed(query_id: str | None) -> bool:
    """Whether it is worth opening."""
    return bool(query_id) and str(query_id).startswith(f"{_PREFIX}.")


def is_current(ticket: Ticket, now: datetime, valid_hours: float) -> bool:
    """Whether a ticket is neither too old nor from a clock that is ahead."""
    age = now - ticket.made_at
    return timedelta(minutes=-10) <= age <= timedelta(hours=valid_hours)


def open_key(store: ObjectStore, lake_uri: str) -> bytes:
    """The lake's key for tickets, made once: of several makers one wins. Raises ``StorageUnavailable``."""
    uri = f"{lake_uri}/_keys/sponsored"
    try:
        return store.read(uri, max_bytes=_KEY_BYTES)[0]
    except ObjectNotFound:
        key = secrets.token_bytes(_KEY_BYTES)
    try:
        store.write(uri, key, if_none_match=True)
    except CommitConflict:
        return store.read(uri, max_bytes=_KEY_BYTES)[0]
    return key


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
