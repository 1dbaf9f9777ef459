"""The one process of a cluster that reads the API keys' secret."""

from __future__ import annotations

from mmpipe.serve.http.key_entries import Keys
from mmpipe.serve.http.keys import KeyRing, key_ring
from mmpipe.serve.ray.deployments.logs import log_as_replica
from mmpipe.settings import Settings


class KeyKeeper:
    """Runs on the head, whose role alone may read the secret; searchers, on any node, ask it."""

    def __init__(self, settings: Settings) -> None:
        log_as_replica()
        ring = key_ring(settings.serve)
        assert ring is not None, "deployed only where the settings name a secret"
        self._ring: KeyRing = ring

    async def keys(self) -> Keys:
        """See :meth:`mmpipe.serve.http.keys.KeyRing.keys`."""
        return await self._ring.keys()
