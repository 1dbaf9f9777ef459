"""What is said in products' recordings: transcribed once per content and recogniser, carried over after that.

The recogniser is adapted to the texts of the products of the same chunk: a model of general English takes
longer than the clip lasts, one of a few hundred products' words a tenth of that. What is stored as the
recogniser's revision is that of the model before it was adapted, so rows that come with other rows the next
time are not transcribed again.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mmpipe.errors import ModelUnavailable
from mmpipe.speech import registry
from mmpipe.speech.content import content_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.encoders.base import AudioClip
    from mmpipe.indexing.pipeline.due import Work
    from mmpipe.indexing.pipeline.held import HeldRows
    from mmpipe.indexing.pipeline.media import Gathered
    from mmpipe.settings import Settings
    from mmpipe.speech.base import SpeechRecognizer

_log = logging.getLogger(__name__)
MAX_TRANSCRIPT_CHARACTERS = 2_000
# Tones and noise come out as a stray word; who introduces a product says more.
MIN_WORDS = 2


class ClipListener:
    """Holds the recogniser, which is loaded when the first recording is met. Safe to share between threads:
    one listens at a time."""

    def __init__(self, settings: Settings) -> None:
        self._models = settings.models
        self._min_confidence = settings.speech.min_confidence
        self._name = settings.speech.recognizer if settings.speech.transcribe_products else "none"
        self._recognizer: SpeechRecognizer | None = None
        self._loaded = False
        self._lock = threading.Lock()

    def of(self, works: Sequence[Work]) -> ChunkListener:
        """For the recordings of these products; a recogniser of their words is made for the first one."""
        return ChunkListener(self, works)

    def would_listen_again(self, held: HeldRows, row: int | None) -> bool:
        """Whether a held row's unchanged recording was not heard by the recogniser at hand."""
        recognizer = self.recognizer()
        return recognizer is not None and row is not None and held.transcript(row)[1] != _key(recognizer)

    def recognizer(self) -> SpeechRecognizer | None:
        """Who listens, unadapted; None where nobody does."""
        with self._lock:
            if not self._loaded:
                self._loaded = True
                try:
                    self._recognizer = registry.load(self._name, self._models)
                except ModelUnavailable as error:
                    _log.warning("products' recordings are not transcribed", extra={"reason": str(error)})
            return self._recognizer

    def heard(self, listening: SpeechRecognizer, clips: Sequence[AudioClip]) -> str | None:
        """What an adapted recogniser is sure of."""
        with self._lock:
            heard = [listening.transcribe(clip) for clip in clips]
        sure = [t.text for t in heard if t.confidence >= self._min_confidence]
        said = [text for text in sure if len(content_tokens(text)) >= MIN_WORDS]
        return " ".join(said)[:MAX_TRANSCRIPT_CHARACTERS] or None


class ChunkListener:
    """Transcribes decoded recordings of one chunk's products. For one thread."""

    def __init__(self, listener: ClipListener, works: Sequence[Work]) -> None:
        self._listener = listener
        self._works = works
        self._adapted: SpeechRecognizer | None = None

    def settle(self, gathered: Gathered, held: HeldRows, row: int | None) -> None:
        """Set ``gathered.transcript`` and ``transcript_by``, and let go of its clips."""
        clips, gathered.clips = gathered.clips, []
        recognizer = self._listener.recognizer() if clips else None
        if recognizer is not None:
            if self._adapted is None:
                self._adapted = recognizer.adapted([work.product.text_for_lexical() for work in self._works])
            gathered.transcript = self._listener.heard(self._adapted, clips)
            gathered.transcript_by = _key(recognizer)
        elif "audio" in gathered.kept and row is not None:
            gathered.transcript, gathered.transcript_by = held.transcript(row)


def _key(recognizer: SpeechRecognizer) -> str:
    return f"{recognizer.info.id}@{recognizer.info.revision}"
