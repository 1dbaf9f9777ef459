"""A recogniser for tests: it hears what it was told to, and counts its calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from mmpipe.encoders.base import AudioClip
from mmpipe.speech.base import HeardWord, RecognizerInfo, SpeechRecognizer, Transcript


def clip_digest(clip: AudioClip) -> str:
    """What :class:`FakeRecognizer` knows a clip by."""
    return hashlib.sha256(clip.samples.tobytes()).hexdigest()


class FakeRecognizer:
    """Hears ``heard[clip_digest(clip)]``, else nothing; a word takes a quarter of a second."""

    def __init__(self, heard: Mapping[str, str] | None = None, confidence: float = 0.9) -> None:
        self.heard = dict(heard or {})
        self.confidence = confidence
        self.calls = 0
        self.texts: tuple[str, ...] = ()

    @property
    def info(self) -> RecognizerInfo:
        return RecognizerInfo("fake", "1", ("en", "zh"))

    def adapted(self, texts: Sequence[str]) -> SpeechRecognizer:
        self.texts = tuple(texts)
        return self

    def transcribe(self, clip: AudioClip) -> Transcript:
        self.calls += 1
        text = self.heard.get(clip_digest(clip), "")
        if not text:
            return Transcript("", 0.0)
        words = tuple(HeardWord(w, n * 0.25, (n + 1) * 0.25) for n, w in enumerate(text.split()))
        return Transcript(text, self.confidence, "en", words)
