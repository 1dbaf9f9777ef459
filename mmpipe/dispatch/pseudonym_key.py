"""The key of the pseudonyms, read from its secret by who starts other processes."""

from __future__ import annotations

from pydantic import SecretStr

from mmpipe.dispatch.tokens import read_secret
from mmpipe.errors import DispatchUnavailable
from mmpipe.settings import InteractionSettings, Settings


def with_pseudonym_key(settings: Settings) -> Settings:
    """The settings with the key in them, read from ``interactions.key_secret`` where that is named.

    Replicas then need no right to the secret. Raises ``DispatchUnavailable``, also for a secret that is too
    short to be a key.
    """
    secret = settings.interactions.key_secret
    if secret is None:
        return settings
    text = read_secret(secret)
    if len(text) < InteractionSettings.MIN_KEY:
        raise DispatchUnavailable(
            f"interactions.key_secret: {secret} holds fewer than {InteractionSettings.MIN_KEY} characters"
        )
    changes = {"key": SecretStr(text), "key_secret": None}
    return settings.model_copy(update={"interactions": settings.interactions.model_copy(update=changes)})
