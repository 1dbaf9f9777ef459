"""Query encoders on GPUs, apart from the searchers, which need none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mmpipe.encoders.base import Profile
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery
from mmpipe.serve.answer.query_encoder import Media, Models
from mmpipe.serve.ray.deployments.logs import log_as_replica
from mmpipe.settings import Settings
from mmpipe.telemetry import continued, span


class Encoders:
    """Loads the default profile when it starts; other profiles that are live, when first asked for."""

    def __init__(self, settings: Settings) -> None:
        log_as_replica()
        self._models = Models(settings.serve.encoder_threads, settings)
        self._default = self._models.load(settings.indexing.profile)

    async def check_health(self) -> None:
        """Encodes one word. Serve calls this; raising, several times in a row, replaces the replica: a GPU
        that has failed once fails every later call of its process."""
        text = self._default.loaded.encoders.get("text")
        if text is not None:
            await asyncio.to_thread(text.embed_query, "warm up")

    async def encode(
        self, profile_json: str, request: SearchRequest, media: Media, trace: Mapping[str, str]
    ) -> EncodedQuery:
        """See :class:`mmpipe.serve.answer.query_encoder.QueryEncoder`; ``trace`` is the caller's
        :func:`~mmpipe.telemetry.carrier`."""
        with continued(trace), span("query.encode.model", media=len(media)):
            return await asyncio.to_thread(self._encode, profile_json, request, media)

    def _encode(self, profile_json: str, request: SearchRequest, media: Media) -> EncodedQuery:
        return self._models.get(Profile.from_json(profile_json)).encode(request, media)
