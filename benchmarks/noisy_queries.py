"""Are recordings as queries understood better in noise when a spectral gate cleans them first?

    python -m benchmarks.noisy_queries [--clips speech/ --labels speech/labels.jsonl] [--requests 40]

Two uses of a recording: the kind of a sound by the starter's audio tower (held-out clips of ``training``'s
sounds), and, where recordings of people are given, the slot values that the English recogniser hears. Noise
is white or pink, added at 0 to 20 dB under the clip's own mean power; the gate is ``mmpipe.speech.noise``.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmpipe import media
from mmpipe.encoders.base import AudioClip
from mmpipe.encoders.starter.loader import load
from mmpipe.encoders.starter.sounds import SAMPLE_RATE, resample
from mmpipe.evaluate import speech_eval
from mmpipe.settings import MediaSettings
from mmpipe.speech.noise import gated
from mmpipe.speech.sphinx import SphinxRecognizer
from training.audio import class_centres
from training.sample_sounds import recorded_bank
from training.soundbank import joined, make_bank

Wave = NDArray[np.float32]
DECIBELS = (None, 20.0, 10.0, 5.0, 0.0)


def noisy(wave: Wave, decibels: float | None, colour: str, rng: np.random.Generator) -> Wave:
    """The clip with ``white`` or ``pink`` noise so many decibels below it; as it is for None."""
    if decibels is None:
        return wave
    noise = rng.standard_normal(len(wave))
    if colour == "pink":
        bins = np.fft.rfft(noise)
        noise = np.fft.irfft(bins / np.sqrt(np.maximum(np.arange(len(bins)), 1)), len(wave))
    power = float(np.mean(wave.astype(np.float64) ** 2)) / 10 ** (decibels / 10)
    mixed = wave + noise * np.sqrt(power / np.mean(noise**2))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), np.float32)


def sounds(change: Callable[[Wave, np.random.Generator], Wave]) -> float:
    """The share of held-out sounds whose nearest kind is their own."""
    loaded = load()
    bank = joined(make_bank(10, 118), recorded_bank(10, 118))
    rng = np.random.default_rng(5)
    clips = [AudioClip(change(clip, rng), SAMPLE_RATE) for clip in bank.clips]
    vectors = loaded.audio.embed_documents(clips)
    return float(((vectors @ class_centres(loaded.text).numpy().T).argmax(1) == bank.kinds).mean())


def speech(options: argparse.Namespace, change: Callable[[Wave, np.random.Generator], Wave]) -> float:
    """The share of slot values that the English recogniser hears."""
    import av

    requests = speech_eval.read_labels(options.labels)
    texts = speech_eval.vocabulary_of(requests)
    rng = np.random.default_rng(6)
    with tempfile.TemporaryDirectory() as folder:
        for request in requests[: options.requests]:
            clip = media.decode("audio", (options.clips / request.file).read_bytes(), MediaSettings(), "clip")
            assert isinstance(clip, AudioClip)
            wave = change(resample(clip.samples, clip.sample_rate), rng)
            with av.open(str(Path(folder) / request.file), "w", format="wav") as container:
                stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
                whole = np.clip(wave * 32767, -32768, 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
                frame.rate = SAMPLE_RATE
                container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        found = speech_eval.measure(
            SphinxRecognizer(texts, denoise=False),
            requests[: options.requests],
            Path(folder),
            MediaSettings(),
        )
    return float(found["slots"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--requests", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| noise | sound: as it is | sound: gated | slots heard: as they are | slots heard: gated |")
    print("|---|---|---|---|---|")
    for colour in ("white", "pink"):
        for decibels in DECIBELS:
            if decibels is None and colour == "pink":
                continue
            cells = []
            for measured in (sounds, lambda change: speech(options, change)):
                for clean in (False, True):
                    if measured is not sounds and options.clips is None:
                        cells.append("–")
                        continue

                    def change(
                        wave: Wave,
                        rng: np.random.Generator,
                        clean: bool = clean,
                        decibels: float | None = decibels,
                        colour: str = colour,
                    ) -> Wave:
                        mixed = noisy(wave, decibels, colour, rng)
                        return gated(mixed) if clean else mixed

                    cells.append(f"{measured(change):.3f}")
            name = "none" if decibels is None else f"{colour}, {decibels:g} dB"
            print("|", name, "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
