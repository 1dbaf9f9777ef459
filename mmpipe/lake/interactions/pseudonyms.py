"""Who a shopper is, without saying so: keyed digests in place of user and session ids."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict, NotReady, ObjectNotFound, StorageUnavailable
from mmpipe.objects import open_store

if TYPE_CHECKING:
    from mmpipe.lake.lake import Lake
    from mmpipe.settings import Settings

# Not a collection's name: those begin with a letter or digit.
KEY_PATH = "_keys/pseudonyms"
_KEY_BYTES = 32
_MAX_BYTES = 4_096
_DIGEST_BYTES = 16


class Pseudonyms:
    """Pseudonyms by one key: the first 16 bytes of HMAC-SHA256 over kind, collection and id, in hex.

    The same id is the same pseudonym for as long as the key stays, is another one in another collection, and
    a session is never a user. Without the key nobody can tell whether a pseudonym is a given id's.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < _DIGEST_BYTES:
            raise ValueError(f"a key of pseudonyms has at least {_DIGEST_BYTES} bytes")
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonyms()"

    def user(self, collection: str, user_id: str) -> str:
        """Of whoever is logged in as ``user_id``."""
        return self._of("user", collection, user_id)

    def session(self, collection: str, session_id: str) -> str:
        """Of the visit ``session_id``."""
        return self._of("session", collection, session_id)

    def _of(self, kind: str, collection: str, identifier: str) -> str:
        message = f"{kind}\0{collection}\0{identifier}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256")[:_DIGEST_BYTES].hex()


def open_pseudonyms(settings: Settings, lake: Lake) -> Pseudonyms:
    """By the key that the settings hold; without one, by the key in the lake, made at random by whoever asks
    first.

    A secret (``interactions.key_secret``) has been put into the settings before, by
    :func:`mmpipe.dispatch.pseudonym_key.with_pseudonym_key`; raises ``NotReady`` where it was not, and
    ``StorageUnavailable``.
    """
    given = settings.interactions.key.get_secret_value()
    if not given and settings.interactions.key_secret is not None:
        # The lake's own key would give everybody another pseudonym.
        raise NotReady("the secret that interactions.key_secret names was not read when this was started")
    return Pseudonyms(given.encode() if given else _key_in(lake))


def _key_in(lake: Lake) -> bytes:
    store = open_store(lake.uri, lake.settings.storage)
    uri = f"{lake.uri}/{KEY_PATH}"
    try:
        data = store.read(uri, max_bytes=_MAX_BYTES)[0]
    except ObjectNotFound:
        # Where somebody is first, theirs is the key.
        with suppress(CommitConflict):
            store.write(uri, secrets.token_hex(_KEY_BYTES).encode(), if_none_match=True)
        data = store.read(uri, max_bytes=_MAX_BYTES)[0]
    if len(data) < 2 * _DIGEST_BYTES:
        raise StorageUnavailable(f"{uri} is no key of pseudonyms: restore it from its former version")
    return data
