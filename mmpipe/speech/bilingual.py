"""The embedded recogniser: English by pocketsphinx, Chinese by a network of our own, whichever is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from mmpipe.speech.base import RecognizerInfo, Transcript
from mmpipe.speech.mandarin import weights
from mmpipe.speech.mandarin.recognizer import MandarinWords, listen
from mmpipe.speech.sphinx import SphinxRecognizer, audible

if TYPE_CHECKING:
    from mmpipe.encoders.base import AudioClip


class BilingualRecognizer:
    """English and Chinese speech to text on one CPU core. Thread-safe.

    A clip is Chinese or English as a whole. Without a vocabulary only the glossary's Chinese words are known.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """``texts`` are what a shopper may name. Raises :class:`ModelUnavailable` without the extras
        ``speech`` and ``ml``, or without its weights."""
        weights.load()
        self._english = SphinxRecognizer(texts)
        # Without texts it is mostly there to be adapted: what takes a second waits until it is needed.
        self._chinese = MandarinWords(texts) if texts else None
        english = self._english.info
        self._info = RecognizerInfo(
            "bilingual", f"{english.revision}-{weights.revision()[:12]}", ("en", "zh")
        )

    @property
    def info(self) -> RecognizerInfo:
        return self._info

    def adapted(self, texts: Sequence[str]) -> BilingualRecognizer:
        """A recogniser of these texts' vocabulary: takes a second or two, and its own memory."""
        return BilingualRecognizer(texts)

    def transcribe(self, clip: AudioClip) -> Transcript:
        """What :func:`~mmpipe.speech.sphinx.audible` leaves of the clip, as text in its language."""
        samples = audible(clip)
        if samples is None:
            return Transcript("", 0.0, "en")
        heard = listen(samples)
        if not heard.mandarin:
            return self._english.hear(samples)
        return (self._chinese or _of_the_glossary()).understand(heard)


@lru_cache(maxsize=1)
def _of_the_glossary() -> MandarinWords:
    return MandarinWords(())
