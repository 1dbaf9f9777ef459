"""What of a product's daily budget is set aside, in the lake: one small object per product and day.

``<lake>/<collection>/sponsored/budget/<day>/<digest>.json`` lists leases by id: amounts that one replica each
may spend. A lease is added, or its amount lowered to what was spent of it, by conditional writes that say
what the lease is to be, never by how much to change it: repeated after an answer that was lost they change
nothing. So the leases of a day never sum up to more than the budget that was given, whoever crashes or asks
twice.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.objects import ObjectTooLarge

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

_MAX_BYTES: Final = 4_000_000
_ATTEMPTS: Final = 40
_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.2


class Ledger:
    """The leases of one collection. Safe to share between threads."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        self._store = store
        self._folder = f"{collection_uri}/sponsored/budget"

    def lease(self, day: str, product_id: str, lease_id: str, *, want: int, least: int, budget: int) -> int:
        """Set ``want`` aside under a new id, or what ``budget`` has left; nothing where that is below
        ``least``. Gives the amount (0 for nothing). Asked again with the same id it gives the same.

        Raises ``CommitConflict`` where others kept writing first, ``StorageUnavailable``: it may then have
        been set aside all the same."""
        for leases, etag in self._attempts(day, product_id):
            held = leases.get(lease_id)
            if held is not None:
                return held
            amount = min(want, budget - sum(leases.values()))
            if amount < least or amount <= 0:
                return 0
            if self._write(day, product_id, {**leases, lease_id: amount}, etag):
                return amount
        raise CommitConflict(f"the budget of {product_id}: other replicas kept writing first")

    def settle(self, day: str, product_id: str, lease_id: str, spent: int) -> None:
        """Lower a lease to what was spent of it; the rest may be leased again. Raises as :meth:`lease`."""
        for leases, etag in self._attempts(day, product_id):
            if leases.get(lease_id, 0) <= spent:
                return
            if self._write(day, product_id, {**leases, lease_id: spent}, etag):
                return
        raise CommitConflict(f"the budget of {product_id}: other replicas kept writing first")

    def leased(self, day: str, product_id: str) -> int:
        """What is set aside and spent of that day's budget."""
        return sum(self._read(day, product_id)[0].values())

    def uri(self, day: str, product_id: str) -> str:
        """Where a product's leases of a day are."""
        digest = hashlib.sha256(product_id.encode()).hexdigest()[:32]
        return f"{self._folder}/{day}/{digest}.json"

    def _attempts(self, day: str, product_id: str) -> Iterator[tuple[dict[str, int], str | None]]:
        for attempt in range(_ATTEMPTS):
            if attempt:
                longest = min(_PAUSE * 2**attempt, _LONGEST_PAUSE)
                time.sleep(random.uniform(0, longest))  # noqa: S311 - to get out of one another's way
            yield self._read(day, product_id)

    def _read(self, day: str, product_id: str) -> tuple[dict[str, int], str | None]:
        uri = self.uri(day, product_id)
        try:
            data, stat = self._store.read(uri, max_bytes=_MAX_BYTES)
        except ObjectNotFound:
            return {}, None
        except ObjectTooLarge as error:
            raise StorageUnavailable(str(error)) from error
        try:
            held = json.loads(data)
            leases = {str(name): int(amount) for name, amount in held["leases"].items()}
            if held["product_id"] != product_id or any(amount < 0 for amount in leases.values()):
                raise ValueError("another product's, or less than nothing")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Without it nobody knows what is spent: nothing more is sold today.
            raise StorageUnavailable(
                f"{uri} is no list of leases ({error}): remove it to begin anew"
            ) from error
        return leases, stat.etag

    def _write(self, day: str, product_id: str, leases: dict[str, int], etag: str | None) -> bool:
        data = json.dumps({"product_id": product_id, "leases": leases}).encode()
        try:
            if etag is None:
                self._store.write(self.uri(day, product_id), data, if_none_match=True)
            else:
                self._store.write(self.uri(day, product_id), data, if_match=etag)
        except CommitConflict:
            return False
        return True
