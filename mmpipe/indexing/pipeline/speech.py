"""What is said in products' recordings: transcribed once per content and recogniser, carried over after that.

The recogniser is adapted to the texts of the products of the same chunk: a model of general English takes
longer than the clip lasts, one of a few hundred products' words a tenth of that. What is stored as the
recogniser's revision is that of the model before it was adapted, so rows that come with other rows the next
time are not transcribed again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mmpipe.errors import ModelUnavailable
from mmpipe.speech import registry
from mmpipe.speech.content import content_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.indexing.pipeline.due import Work
    from mmpipe.indexing.pipeline.held import KnownRows
    from mmpipe.indexing.pipeline.media import Gathered
    from mmpipe.settings import Settings
    from mmpipe.speech.base import SpeechRecognizer

_log = logging.getLogger(__name__)
MAX_TRANSCRIPT_CHARACTERS = 2_000
# Tones and noise come out as a stray word; who introduces a product says more.
MIN_WORDS = 2


class ClipListener:
    """Transcribes decoded recordings. The recogniser is loaded when the first recording is met."""

    def __init__(self, settings: Settings) -> None:
        self._models = settings.models
        self._min_confidence = settings.speech.min_confidence
        self._name = settings.speech.recognizer if settings.speech.transcribe_products else "none"
        self._recognizer: SpeechRecognizer | None = None
        self._loaded = False
        self._works: Sequence[Work] = ()
        self._adapted: SpeechRecognizer | None = None

    def expect(self, works: Sequence[Work]) -> None:
        """The products whose recordings come next; a recogniser of their words is made for the first clip."""
        self._works = works
        self._adapted = None

    def would_listen_again(self, known: KnownRows, row: int | None) -> bool:
        """Whether a known row's unchanged recording was not heard by the recogniser at hand."""
        recognizer = self._load()
        return recognizer is not None and row is not None and known.transcript(row)[1] != _key(recognizer)

    def settle(self, gathered: Gathered, known: KnownRows, row: int | None) -> None:
        """Set ``gathered.transcript`` and ``transcript_by``, and let go of its clips."""
        clips, gathered.clips = gathered.clips, []
        if clips:
            recognizer = self._load()
            if recognizer is not None:
                if self._adapted is None:
                    texts = [work.product.text_for_lexical() for work in self._works]
                    self._adapted = recognizer.adapted(texts)
                heard = [self._adapted.transcribe(clip) for clip in clips]
                sure = [t.text for t in heard if t.confidence >= self._min_confidence]
                said = [text for text in sure if len(content_tokens(text)) >= MIN_WORDS]
                gathered.transcript = " ".join(said)[:MAX_TRANSCRIPT_CHARACTERS] or None
                gathered.transcript_by = _key(recognizer)
                return
        if "audio" in gathered.kept and row is not None:
            gathered.transcript, gathered.transcript_by = known.transcript(row)

    def _load(self) -> SpeechRecognizer | None:
        if not self._loaded:
            self._loaded = True
            try:
                self._recognizer = registry.load(self._name, self._models)
            except ModelUnavailable as error:
                _log.warning("products' recordings are not transcribed", extra={"reason": str(error)})
        return self._recognizer


def _key(recognizer: SpeechRecognizer) -> str:
    return f"{recognizer.info.id}@{recognizer.info.revision}"
