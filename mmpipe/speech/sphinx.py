"""The embedded recogniser: pocketsphinx's English acoustic model, our language model of the catalogue."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from mmpipe.encoders.resampling import resample
from mmpipe.errors import ModelUnavailable
from mmpipe.speech.base import HeardWord, RecognizerInfo, Transcript
from mmpipe.speech.ngram import NGramModel
from mmpipe.speech.noise import gated
from mmpipe.speech.phrases import phrases_of, sentences
from mmpipe.speech.pronunciation import pronounce, read_dictionary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.encoders.base import AudioClip

SAMPLE_RATE = 16_000
MAX_SECONDS = 30.0
_MOST_WORDS = 4_000
_SENTENCES = 12_000
_FRAME_SECONDS = 0.01
# Below this root mean square (full scale is 1) a clip is silence.
_SILENCE = 1e-3
# Chosen on half of the speech benchmark's clips; see the model card.
_OPTIONS: dict[str, object] = {"lw": 6.5, "wip": 0.5, "beam": 1e-60, "wbeam": 1e-40}


class SphinxRecognizer:
    """English speech to text on one CPU core. Thread-safe: one clip at a time."""

    def __init__(self, texts: Sequence[str] = (), *, denoise: bool = True) -> None:
        """``texts`` are what a shopper may name, most important first; without any, the package's general
        model of English is used. ``denoise`` turns steady noise down first. Raises
        :class:`ModelUnavailable` without the ``speech`` extra.
        """
        try:
            import pocketsphinx
        except ImportError as error:
            raise ModelUnavailable(
                f"speech recogniser 'sphinx' needs pocketsphinx ({error}):"
                " install the extra with pip install 'mmpipe[speech]'"
            ) from error
        self._lock = Lock()
        self._denoise = denoise
        phrases = phrases_of(texts, _MOST_WORDS)
        model = Path(pocketsphinx.get_model_path()) / "en-us"
        digest = hashlib.sha256(repr((phrases, sorted(_OPTIONS.items()), denoise)).encode()).hexdigest()[:12]
        self._info = RecognizerInfo("sphinx", f"pocketsphinx-{version('pocketsphinx')}-{digest}", ("en",))
        options: dict[str, Any] = {"hmm": str(model / "en-us"), "loglevel": "FATAL", "bestpath": True}
        if not phrases:
            # The general model knows 100,000 words: with the catalogue's wide beams it takes minutes.
            self._decoder = pocketsphinx.Decoder(**options)
            return
        options |= _OPTIONS
        language = NGramModel(sentences(phrases, _SENTENCES))
        words = [word for word in language.vocabulary if word != "</s>"]
        with tempfile.TemporaryDirectory(prefix="mmpipe-speech-") as folder:
            home = Path(folder)
            (home / "catalogue.lm").write_text(language.arpa(), encoding="utf-8")
            dictionary = _dictionary(words, model / "cmudict-en-us.dict")
            (home / "catalogue.dict").write_text(dictionary, encoding="utf-8")
            options |= {"lm": str(home / "catalogue.lm"), "dict": str(home / "catalogue.dict")}
            self._decoder = pocketsphinx.Decoder(**options)

    @property
    def info(self) -> RecognizerInfo:
        return self._info

    def adapted(self, texts: Sequence[str]) -> SphinxRecognizer:
        """A recogniser of these texts' vocabulary: takes a second or so, and its own memory."""
        return SphinxRecognizer(texts, denoise=self._denoise)

    def transcribe(self, clip: AudioClip) -> Transcript:
        """The first :data:`MAX_SECONDS` of the clip as text; silence gives none.

        ``confidence`` is the geometric mean of the words' posterior probabilities in the word lattice.
        """
        samples = audible(clip)
        return Transcript("", 0.0, "en") if samples is None else self.hear(samples)

    def hear(self, samples: NDArray[np.float32]) -> Transcript:
        """The text of what :func:`audible` gives."""
        if self._denoise:
            samples = gated(samples)
        peak = max(float(np.abs(samples).max()), _SILENCE)
        loud = np.asarray(samples / peak * 0.7 * 32_767, dtype=np.int16)
        with self._lock:
            self._decoder.start_utt()
            try:
                self._decoder.process_raw(loud.tobytes(), no_search=False, full_utt=True)
            finally:
                self._decoder.end_utt()
            segments = list(self._decoder.seg() or ())
        words: list[HeardWord] = []
        logs: list[float] = []
        for segment in segments:
            word = segment.word.split("(")[0]
            if word.startswith(("<", "[")):
                continue
            words.append(HeardWord(word, segment.start_frame * _FRAME_SECONDS,
                                   (segment.end_frame + 1) * _FRAME_SECONDS))  # fmt: skip
            logs.append(float(segment.prob))
        if not words:
            return Transcript("", 0.0, "en")
        confidence = float(np.exp(np.mean(np.log(np.clip(logs, 1e-6, 1.0)))))
        return Transcript(" ".join(w.word for w in words), confidence, "en", tuple(words))


def audible(clip: AudioClip) -> NDArray[np.float32] | None:
    """The first :data:`MAX_SECONDS` of a clip at :data:`SAMPLE_RATE`; None for silence or nothing."""
    samples = np.asarray(clip.samples[: int(MAX_SECONDS * clip.sample_rate)], dtype=np.float32)
    if samples.size == 0 or not np.isfinite(samples).all():
        return None
    if float(np.sqrt(np.mean(samples**2))) < _SILENCE:
        return None
    return resample(samples, clip.sample_rate, SAMPLE_RATE)


def _dictionary(words: Sequence[str], cmudict: Path) -> str:
    known = read_dictionary(cmudict)
    lines: list[str] = []
    for word in words:
        for number, phones in enumerate(pronounce(word, known), start=1):
            lines.append(f"{word if number == 1 else f'{word}({number})'} {phones}")
    return "\n".join(lines) + "\n"
