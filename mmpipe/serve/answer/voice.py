"""Spoken queries: a recogniser per collection, adapted to the live catalogue's words, off the query path.

``audio_as`` decides what a recording is: ``speech``, ``sound``, or with ``auto`` speech where what was heard
is sure enough (``speech.min_confidence``) and one of its words is one that the live catalogue knows. Words
heard become text of the query, and the recording is no medium of it then.

Until a version's recogniser is ready the former version's answers; a model of general English would take
longer than a shopper waits. Where there is none yet, recordings are sounds for those seconds. What was heard
travels in the page cursor, so later pages of a spoken query listen to nothing and cannot come to differ.

A recogniser takes about 100 MB, so there are ``speech.max_recognizers`` of them at most, and one more while
it is made. Where there are more collections, those whose recordings came last have one: a collection that
has none gets one once a recording of it came, in place of the one that was used longest ago.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidRequest, ModelUnavailable, NotReady
from mmpipe.schemas.search import Heard, HeardWord
from mmpipe.search.find.vocabulary import catalogue_texts, knows_any
from mmpipe.search.page import cursor
from mmpipe.speech import registry

if TYPE_CHECKING:
    from mmpipe.encoders.base import EncoderInput, Modality
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search import EncodedQuery, Version
    from mmpipe.settings import Settings
    from mmpipe.speech.base import SpeechRecognizer

_log = logging.getLogger("mmpipe.serve")
MAX_HEARD_CHARACTERS = 300
MAX_HEARD_WORDS = 100
# A catalogue that changes all the time is not worth a recogniser per change, nor are collections whose
# recordings come in turn: so long one stays as it is, and stays at all.
REST_SECONDS = 30.0


@dataclass(frozen=True)
class SpokenQuery:
    """A request as it is searched: the words heard are in its text, and the recording is no medium of it."""

    request: SearchRequest
    media: Mapping[Modality, EncoderInput]
    heard: Heard | None = None
    clip: bytes = b""

    def mark(self, query: EncodedQuery) -> EncodedQuery:
        """The encoded query with what was heard; its identity tells recordings apart."""
        if self.heard is None:
            return query
        identity = hashlib.blake2b(query.identity + self.clip, digest_size=16).digest()
        return replace(query, heard=self.heard, identity=identity)


@dataclass(frozen=True)
class _Adapted:
    label: str
    words: bytes
    recognizer: SpeechRecognizer
    at: float


class Voice:
    """Recognisers of the live collections. ``live`` gives the versions that answer now, from memory."""

    def __init__(self, settings: Settings, live: Callable[[], list[Version]]) -> None:
        self._settings = settings.speech
        self._models = settings.models
        self._poll = settings.serve.live_poll_seconds
        self._live = live
        self._general: SpeechRecognizer | None = None
        self._why_not = "this service has no speech recogniser"
        self._adapted: dict[str, _Adapted] = {}
        # When a recording of a collection came last; of live ones alone.
        self._asked_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._loaded = threading.Event()
        self._load_lock = threading.Lock()
        self._adapt_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load and adapt on a thread of its own, from now on."""
        if self._settings.recognizer == "none":
            self._loaded.set()
        elif self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mmpipe-voice", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop following, and give the recognisers back, which are large. One in the making is left
        to finish by itself."""
        self._stop.set()
        self._adapted = {}

    def understand(
        self, version: Version, request: SearchRequest, media: Mapping[Modality, EncoderInput]
    ) -> SpokenQuery:
        """The request with its recording listened to as ``audio_as`` asks. Blocks: this is CPU work.

        Where ``speech`` was asked for, raises :class:`InvalidRequest` if none is heard or nobody can listen,
        and :class:`NotReady` while the collection's first recogniser is being made.
        """
        clip = media.get("audio")
        if not isinstance(clip, AudioClip):
            if request.audio_as == "speech":
                raise InvalidRequest("audio", "is missing; audio_as 'speech' needs a recording to listen to")
            return SpokenQuery(request, media)
        if request.audio_as == "sound":
            return SpokenQuery(request, media)
        if request.cursor is not None:
            heard = _of_cursor(request.cursor)
        else:
            heard = self._heard(version, request, clip)
        return SpokenQuery(request, media) if heard is None else _spoken(request, media, clip, heard)

    def adapt(self, collection: str | None = None) -> None:
        """Make the recognisers that are due for the versions that are live now, that of a named collection
        first. Blocks; of calls at the same time one makes them."""
        if collection is not None:
            self._asked_at[collection] = time.monotonic()
        with self._adapt_lock:
            self._adapt()

    def _adapt(self) -> None:
        general = self._load()
        if general is None:
            return
        live = {version.collection: version for version in self._live()}
        for held in (self._adapted, self._asked_at):
            for gone in held.keys() - live.keys():
                held.pop(gone, None)
        for name in self._in_turn(live):
            if self._stop.is_set():
                return
            known = self._adapted.get(name)
            if known is not None or self._makes_room(name):
                self._follow(live[name], known, general)

    def _in_turn(self, live: Mapping[str, Version]) -> list[str]:
        """Those that have a recogniser, then the others, the one that was asked last first."""
        return sorted(live, key=lambda name: (name not in self._adapted, -self._asked(name), name))

    def _makes_room(self, name: str) -> bool:
        """Whether one more may be made, for this collection; gives up another's where there are too many."""
        if len(self._adapted) < self._settings.max_recognizers:
            return True
        longest_ago = min(self._adapted, key=self._asked)
        rested = time.monotonic() - self._adapted[longest_ago].at >= REST_SECONDS
        if not rested or self._asked(name) <= self._asked(longest_ago):
            return False
        self._adapted.pop(longest_ago, None)
        return True

    def _asked(self, name: str) -> float:
        return self._asked_at.get(name, 0.0)

    def _follow(self, version: Version, known: _Adapted | None, general: SpeechRecognizer) -> None:
        """Have the recogniser of a version, which is the one that is known where its words are the same."""
        if known is not None:
            rested = time.monotonic() - known.at >= REST_SECONDS
            if known.label == version.label or not rested:
                return
        texts = catalogue_texts(version, self._settings.max_vocabulary_texts)
        words = hashlib.sha256("\n".join(texts).encode()).digest()
        if known is not None and known.words == words:
            self._adapted[version.collection] = replace(known, label=version.label)
            return
        recognizer = general.adapted(texts)
        if not self._stop.is_set():
            self._adapted[version.collection] = _Adapted(version.label, words, recognizer, time.monotonic())

    def _heard(self, version: Version, request: SearchRequest, clip: AudioClip) -> Heard | None:
        asked = request.audio_as == "speech"
        self._asked_at[version.collection] = time.monotonic()
        adapted = self._adapted.get(version.collection)
        if adapted is None:
            if not asked:
                return None
            if self._loaded.is_set() and self._general is None:
                raise InvalidRequest(
                    "audio", f"cannot be listened to ({self._why_not}); send the words as text"
                )
            raise NotReady("the recogniser is still learning this catalogue's words; try again in seconds")
        found = adapted.recognizer.transcribe(clip)
        text = found.text.strip()[:MAX_HEARD_CHARACTERS]
        if asked:
            if not text and found.language == "zh":
                raise InvalidRequest(
                    "audio",
                    "Chinese was heard in it, but no words that are known here; say it with other words, send"
                    " the words as text, or send audio_as 'sound'",
                )
            if not text:
                raise InvalidRequest(
                    "audio",
                    "no speech was heard in it; record it again closer to the microphone,"
                    " send the words as text, or send audio_as 'sound'",
                )
        elif not text or found.confidence < self._settings.min_confidence or not knows_any(version, text):
            return None
        words = [HeardWord(word=w.word, start=w.start, end=w.end) for w in found.words[:MAX_HEARD_WORDS]]
        confidence = min(max(float(found.confidence), 0.0), 1.0)
        return Heard(text=text, confidence=confidence, language=found.language, words=words)

    def _load(self) -> SpeechRecognizer | None:
        with self._load_lock:
            if not self._loaded.is_set():
                try:
                    self._general = registry.load(self._settings.recognizer, self._models)
                except ModelUnavailable as error:
                    self._why_not = str(error)
                    _log.warning("spoken queries are not understood", extra={"reason": str(error)})
                self._loaded.set()
            return self._general

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.adapt()
            except Exception as error:  # noqa: BLE001  the recogniser at hand keeps answering
                _log.warning("no recogniser for a live version", extra={"reason": str(error)})
            if self._loaded.is_set() and self._general is None:
                return
            self._stop.wait(self._poll)


def _of_cursor(text: str) -> Heard | None:
    found = cursor.decode(text).heard
    if found is None:
        return None
    said, confidence, language = found
    return Heard(text=said, confidence=confidence, language=language)


def _spoken(
    request: SearchRequest, media: Mapping[Modality, EncoderInput], clip: AudioClip, heard: Heard
) -> SpokenQuery:
    weights = request.weights
    if not request.text and weights is not None:
        # The words stand for the recording, so they weigh what it was given.
        weights = weights.model_copy(update={"text": weights.audio})
    text = f"{request.text} {heard.text}" if request.text else heard.text
    return SpokenQuery(
        request.model_copy(update={"text": text, "weights": weights, "audio": None}),
        {m: medium for m, medium in media.items() if m != "audio"},
        heard,
        hashlib.sha256(clip.samples.tobytes()).digest(),
    )
