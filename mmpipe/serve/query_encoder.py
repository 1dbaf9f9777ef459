"""Who turns a query into vectors: models in this process, or an ``Encoders`` deployment on GPUs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from mmpipe.encoders import registry
from mmpipe.encoders.base import EncoderInput, Modality, Profile
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery, TextCache, compose, encode

Media = Mapping[Modality, EncoderInput]


Encode = Callable[[SearchRequest, Media], Awaitable[EncodedQuery]]


class QueryEncoder(Protocol):
    """Requests to vectors, by exactly the models of a profile."""

    def prepare(self, profile: Profile) -> None:
        """Make the models of ``profile`` ready, so that no query waits for them. Blocks.

        Raises ``ProfileMismatch`` or ``ModelUnavailable``.
        """
        ...

    def bound(self, profile: Profile) -> Encode:
        """The encoder of one prepared profile: as :func:`mmpipe.search.encode`, and raises as it does."""
        ...


@dataclass(frozen=True)
class Model:
    """One loaded profile and the query texts it encoded lately."""

    loaded: LoadedEncoders
    texts: TextCache = field(default_factory=TextCache)

    def encode(self, request: SearchRequest, media: Media) -> EncodedQuery:
        """See :func:`mmpipe.search.encode`."""
        return encode(request, self.loaded, media, self.texts)


class Models:
    """Loaded profiles by fingerprint; each is loaded once. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._models: dict[str, Model] = {}
        self._lock = Lock()

    def find(self, profile: Profile) -> Model | None:
        """The models of ``profile`` where they are loaded already."""
        return self._models.get(profile.fingerprint)

    def get(self, profile: Profile) -> Model:
        """The models that are exactly ``profile``, loaded if need be.

        Raises ``ProfileMismatch`` or ``ModelUnavailable``.
        """
        found = self.find(profile)
        if found is not None:
            return found
        with self._lock:
            return self.find(profile) or self._add(registry.load_exactly(profile, threads=self._threads))

    def load(self, name: str) -> Model:
        """The installed models of a profile's name. Raises ``ModelUnavailable``."""
        with self._lock:
            return self._add(registry.load(name, threads=self._threads))

    def _add(self, loaded: LoadedEncoders) -> Model:
        return self._models.setdefault(loaded.profile.fingerprint, Model(loaded))


class LocalQueryEncoder:
    """Models in this process: no hop. Text runs on the event loop, for it takes less time than a hand-over;
    media take tens of milliseconds and run in a thread."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def prepare(self, profile: Profile) -> None:
        """See :class:`QueryEncoder`. Encodes once, for the first call of a network is its slowest."""
        text = self._models.get(profile).loaded.encoders.get("text")
        if text is not None:
            text.embed_query("warm up")

    def bound(self, profile: Profile) -> Encode:
        """See :class:`QueryEncoder`."""
        model = self._models.get(profile)

        async def encode_here(request: SearchRequest, media: Media) -> EncodedQuery:
            if media:
                return await asyncio.to_thread(model.encode, request, media)
            return model.encode(request, media)

        return encode_here


class RemoteQueryEncoder:
    """Models in another deployment. ``call(profile_json, request, media)`` is its handle's method."""

    def __init__(self, call: Callable[[str, SearchRequest, Media], Awaitable[EncodedQuery]]) -> None:
        self._call = call

    def prepare(self, profile: Profile) -> None:
        """Nothing to do here: the deployment loads its models in its own constructor and on first use."""

    def bound(self, profile: Profile) -> Encode:
        """See :class:`QueryEncoder`. Without text or medium there is nothing to encode and no call."""
        profile_json = profile.to_json()

        async def encode_there(request: SearchRequest, media: Media) -> EncodedQuery:
            if not request.text and not media:
                return compose(request, profile, {}, {})
            # Media travel decoded; the request without them, for their base64 is megabytes.
            slim = request.model_copy(update={"image": None, "audio": None, "video": None})
            return await self._call(profile_json, slim, dict(media))

        return encode_there
