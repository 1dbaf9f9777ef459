"""One clip: which language, and if it is Mandarin, what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.speech.base import Transcript
from mmpipe.speech.mandarin import weights
from mmpipe.speech.mandarin.decoder import best_units, decode, told_apart
from mmpipe.speech.mandarin.features import log_mel_frames
from mmpipe.speech.mandarin.language import SpokenChinese

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Chosen on the clips that also chose the training's length: see the model card.
_LEAST_UNITS = 2
_MOST_FOREIGN = 0.5
# Below this the catalogue's words do not explain what was heard: another word was said.
_LEAST_EXPLAINED = 0.05


@dataclass(frozen=True)
class Heard:
    """The network's view of a clip: log probabilities of shape ``(frames, units)``."""

    logs: NDArray[np.float32]
    mandarin: bool


def listen(samples: NDArray[np.float32]) -> Heard:
    """Hear 16 kHz samples. Raises :class:`ModelUnavailable` without the weights. Thread-safe."""
    import torch

    network = weights.load()
    with torch.inference_mode():
        logs = network(torch.from_numpy(log_mel_frames(samples))[None])[0].numpy()
    units = best_units(logs)
    return Heard(logs, len(units) >= _LEAST_UNITS and told_apart(units) <= _MOST_FOREIGN)


class MandarinWords:
    """What a catalogue's shoppers may say in Chinese. Thread-safe."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._language = SpokenChinese(texts)

    def understand(self, heard: Heard) -> Transcript:
        """The words, with confidence as in :func:`~mmpipe.speech.mandarin.decoder.decode`; no text where the
        known words do not explain the sound."""
        syllables, explained = decode(heard.logs, self._language)
        if explained < _LEAST_EXPLAINED:
            return Transcript("", explained, "zh")
        return Transcript(self._language.written(syllables), explained, "zh")
