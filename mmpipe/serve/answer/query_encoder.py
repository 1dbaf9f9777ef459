"""Who turns a query into vectors: models in this process, or an ``Encoders`` deployment on GPUs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from mmpipe.encoders.base import EncoderInput, Modality, Profile
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import NotReady
from mmpipe.lake.model_loading import load_exactly, load_profile
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery, TextCache, compose, encode
from mmpipe.settings import Settings, load_settings

_log = logging.getLogger("mmpipe.serve")
Media = Mapping[Modality, EncoderInput]


Encode = Callable[[SearchRequest, Media], Awaitable[EncodedQuery]]


class EncodersStarting(NotReady):
    """No GPU encoder runs, and the one that starts did not come within the time a query waits."""


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
    """Loaded profiles by fingerprint; each is loaded once. Thread-safe.

    ``settings`` name the lake whose registered models are found; unless given, they are read.
    """

    def __init__(self, threads: int, settings: Settings | None = None) -> None:
        self._threads = threads
        self._settings = settings
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
            return self.find(profile) or self._add(load_exactly(profile, self._lake(), threads=self._threads))

    def load(self, name: str) -> Model:
        """The models of a profile's name, the newest where the lake holds several.

        Raises ``ModelUnavailable``.
        """
        with self._lock:
            return self._add(load_profile(name, self._lake(), threads=self._threads))

    def _lake(self) -> Settings:
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

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
    """Models in another deployment. ``call(profile_json, request, media)`` is its handle's method.

    That deployment may have shrunk to nothing, and starting it takes seconds, or minutes where a GPU node
    must come first. A query waits ``wait_seconds`` for it. Then ``spare`` encodes it, by the same models in
    this process; without a spare it raises :class:`EncodersStarting`. The call is left
    waiting, for it is what the deployment starts for, and while it waits a spare answers at once.
    """

    def __init__(
        self,
        call: Callable[[str, SearchRequest, Media], Awaitable[EncodedQuery]],
        *,
        wait_seconds: float = 20.0,
        spare: QueryEncoder | None = None,
    ) -> None:
        self._call = call
        self._wait_seconds = wait_seconds
        self._spare = spare
        self._waking: set[asyncio.Task[EncodedQuery]] = set()

    def prepare(self, profile: Profile) -> None:
        """Prepares the spare. The deployment loads its models in its own constructor and on first use."""
        if self._spare is not None:
            self._spare.prepare(profile)

    def bound(self, profile: Profile) -> Encode:
        """See :class:`QueryEncoder`. Without text or medium there is nothing to encode and no call."""
        profile_json = profile.to_json()
        spare = None if self._spare is None else self._spare.bound(profile)

        async def encode_there(request: SearchRequest, media: Media) -> EncodedQuery:
            unwanted = None if request.unlike is None else request.unlike.text
            if not request.text and not media and not unwanted:
                return compose(request, profile, {}, {})
            if spare is not None and self._waking:
                return await spare(request, media)
            # Media travel decoded; the request without them, for their base64 is megabytes.
            slim = request.model_copy(update=dict.fromkeys(("image", "audio", "video")))
            if request.unlike is not None:
                slim.unlike = request.unlike.model_copy(update={"image": None})
            task = asyncio.ensure_future(self._call(profile_json, slim, dict(media)))
            try:
                done, _ = await asyncio.wait({task}, timeout=self._wait_seconds)
            except asyncio.CancelledError:
                task.cancel()
                raise
            if done:
                return task.result()
            self._keep_waiting(task)
            if spare is not None:
                return await spare(request, media)
            raise EncodersStarting("no query encoder is running; one is being started, try again shortly")

        return encode_there

    def _keep_waiting(self, task: asyncio.Task[EncodedQuery]) -> None:
        if self._waking:
            # One call is enough to start the deployment; more would only fill its queue.
            task.cancel()
            return
        self._waking.add(task)
        task.add_done_callback(self._woken)

    def _woken(self, task: asyncio.Task[EncodedQuery]) -> None:
        self._waking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("the query encoders did not start", extra={"reason": str(error)})
