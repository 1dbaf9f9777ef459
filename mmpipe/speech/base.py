"""What a speech recogniser is: a clip in, the words heard out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mmpipe.encoders.base import AudioClip


@dataclass(frozen=True, slots=True)
class RecognizerInfo:
    """The frozen description of one recogniser; what it transcribed is transcribed again when it changes."""

    id: str
    revision: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word, with its place in the clip in seconds."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. ``text`` is empty where no speech was found; ``confidence`` is in [0, 1]."""

    text: str
    confidence: float
    language: str | None = None
    words: tuple[HeardWord, ...] = ()


class SpeechRecognizer(Protocol):
    """Clips to text. Thread-safe."""

    @property
    def info(self) -> RecognizerInfo: ...

    def transcribe(self, clip: AudioClip) -> Transcript:
        """Transcribe one clip of any rate. Raises nothing for silence or noise: the text is empty then."""
        ...

    def adapted(self, texts: Sequence[str]) -> SpeechRecognizer:
        """A recogniser that expects the vocabulary of ``texts`` (a catalogue's titles, brands and attribute
        values); itself where the model takes no vocabulary."""
        ...
