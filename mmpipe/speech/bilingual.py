"""The embedded recogniser: English by pocketsphinx, Chinese by a network of our own, whichever is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.resampling import resample
from mmpipe.speech.base import RecognizerInfo, Transcript
from mmpipe.speech.mandarin import weights
from mmpipe.speech.mandarin.recognizer import MandarinWords, listen
from mmpipe.speech.sphinx import MAX_SECONDS, SAMPLE_RATE, SILENCE, SphinxRecognizer

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
        self._chinese = MandarinWords(texts)
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
        """The first :data:`MAX_SECONDS` of the clip as text in the language it is in."""
        samples = np.asarray(clip.samples[: int(MAX_SECONDS * clip.sample_rate)], dtype=np.float32)
        if samples.size and np.isfinite(samples).all() and float(np.sqrt(np.mean(samples**2))) >= SILENCE:
            heard = listen(resample(samples, clip.sample_rate, SAMPLE_RATE))
            if heard.mandarin:
                return self._chinese.understand(heard)
        return self._english.transcribe(clip)
