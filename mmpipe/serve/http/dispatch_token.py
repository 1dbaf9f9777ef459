"""The guard of the internal routes: one token, shared with whoever dispatches work."""

from __future__ import annotations

import hmac

from pydantic import SecretStr

from mmpipe.dispatch.tokens import read_secret
from mmpipe.serve.http.errors import Unauthorized
from mmpipe.settings import Settings


def with_token(settings: Settings) -> Settings:
    """The settings with the internal routes' token in them, read from ``dispatch.token_secret`` if named.

    Replicas then need no right to the secret. Raises ``DispatchUnavailable``.
    """
    secret = settings.dispatch.token_secret
    if secret is None:
        return settings
    changes = {"token": SecretStr(read_secret(secret)), "token_secret": None}
    return settings.model_copy(update={"dispatch": settings.dispatch.model_copy(update=changes)})


def authorize(header: str | None, token: SecretStr) -> None:
    """Compare a Bearer header with the shared secret in constant time.

    Raises :class:`Unauthorized`; always where no token is configured: an unconfigured service is closed.
    """
    secret = token.get_secret_value()
    if not secret:
        raise Unauthorized(
            "Authorization",
            "this service has no dispatch token (MMPIPE_DISPATCH__TOKEN), so its internal routes are closed",
        )
    scheme, _, given = (header or "").partition(" ")
    matches = hmac.compare_digest(given.strip().encode("utf-8", "replace"), secret.encode())
    if scheme.lower() != "bearer" or not matches:
        raise Unauthorized("Authorization", "send 'Bearer <token>' with the service's dispatch token")
