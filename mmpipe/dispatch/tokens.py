"""Bearer tokens: given in the settings, or kept in AWS Secrets Manager and followed as they rotate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from pydantic import SecretStr

from mmpipe.errors import DispatchUnavailable

TTL_SECONDS = 300.0
# A secret that was read this recently is not read again because of a refusal: it would be the same.
_FRESH_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 5.0


class TokenSource(Protocol):
    """Where a client gets its token from."""

    def value(self) -> str:
        """The token; empty for none. Raises :class:`DispatchUnavailable` where it cannot be read now."""
        ...

    def renewed(self, refused: str) -> bool:
        """After a refusal of the token ``refused``: look again; whether there is another one now."""
        ...


class FixedToken:
    """A token that never changes."""

    def __init__(self, token: str) -> None:
        self._token = token

    def value(self) -> str:
        """See :class:`TokenSource`."""
        return self._token

    def renewed(self, refused: str) -> bool:
        """See :class:`TokenSource`."""
        return False


class SecretToken:
    """A token in Secrets Manager: read when first needed, then again after ``ttl`` seconds or a refusal.

    Where a later reading fails, the token that was read before is used on: a rotated one is refused, and the
    work comes back from its queue. Safe to share between threads.
    """

    def __init__(
        self,
        secret: str,
        *,
        ttl: float = TTL_SECONDS,
        read: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = secret
        self._ttl = ttl
        self._read = read or read_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._read_at = 0.0

    def value(self) -> str:
        """See :class:`TokenSource`."""
        with self._lock:
            if self._token is None:
                self._take()
            elif self._clock() - self._read_at >= self._ttl:
                self._try_again()
            assert self._token is not None
            return self._token

    def renewed(self, refused: str) -> bool:
        """See :class:`TokenSource`."""
        with self._lock:
            if self._token == refused and self._clock() - self._read_at >= _FRESH_SECONDS:
                self._try_again()
            return self._token != refused

    def _take(self) -> None:
        self._token = self._read(self._secret)
        self._read_at = self._clock()

    def _try_again(self) -> None:
        try:
            self._take()
        except DispatchUnavailable:
            self._read_at = self._clock()  # not with every request


def token_source(token: SecretStr, secret: str | None) -> TokenSource:
    """The secret where one is named, else the token itself. Nothing is read yet."""
    return FixedToken(token.get_secret_value()) if secret is None else SecretToken(secret)


def read_secret(secret: str) -> str:
    """The text of a secret, by name or ARN, white space around it removed.

    The region is the ARN's, or the usual AWS chain's for a name. Raises :class:`DispatchUnavailable`, naming
    the secret and the remedy.
    """
    # Here, for most processes have no secret to read, and botocore takes a while to import.
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    region = secret.split(":")[3] if secret.startswith("arn:") and secret.count(":") >= 6 else None
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    try:
        client: Any = botocore.session.get_session().create_client(
            "secretsmanager", region_name=region, config=config
        )
        text = client.get_secret_value(SecretId=secret).get("SecretString")
    except (BotoCoreError, ClientError) as error:
        raise DispatchUnavailable(
            f"secret {secret} cannot be read: {error}"
            " (this role needs secretsmanager:GetSecretValue on it, and a way to Secrets Manager)"
        ) from error
    if not isinstance(text, str) or not text.strip():
        raise DispatchUnavailable(f"secret {secret} holds no text: store the token itself as its value")
    return text.strip()
