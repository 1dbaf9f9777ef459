"""The command line.

::

    python -m training.mandarin --data DATA --out build/mandarin [--install]

Makes the voices' clips (once, kept in ``--out``), trains, goes on where it was interrupted, measures on
voices held out, and with ``--install`` writes the weights into the package and measures what the recogniser
makes of spoken queries.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from mmpipe import media
from mmpipe.encoders.base import AudioClip
from mmpipe.learn.loop import LoopSettings, Trainer, say
from mmpipe.settings import MediaSettings
from mmpipe.speech.bilingual import BilingualRecognizer
from mmpipe.speech.mandarin import weights
from mmpipe.speech.mandarin.network import UnitNet
from mmpipe.speech.mandarin.units import FOREIGN
from training.mandarin.bank import Bank, make_bank, of_clips
from training.mandarin.measure import understood, vocabulary
from training.mandarin.train import CtcRecipe, measured
from training.mandarin.voices import HELD_OUT, TRAINED
from training.soundbank import make_bank as make_sounds

_CLIPS, _HELD_CLIPS = 16_000, 400
_SYLLABLES_A_SECOND = 3.5


def kept(path: Path, make: Callable[[], Bank]) -> Bank:
    """The bank of a file, made and written where there is none."""
    if not path.is_file():
        bank = make()
        notes = np.frombuffer(json.dumps([bank.targets, bank.texts]).encode(), dtype=np.uint8)
        np.savez(path, samples=bank.samples, starts=bank.starts, notes=notes)
    with np.load(path) as held:
        targets, texts = json.loads(held["notes"].tobytes())
        return Bank(held["samples"], held["starts"], targets, texts)


def people(data: Path, *, held_out: bool) -> Bank:
    """Recordings of people who speak English, half of them (by their names' digests) held out. What they say
    is not written down, so a clip's syllables are counted by its length."""
    clips, targets, names = [], [], []
    for path in sorted((data / "speech").glob("*.flac")):
        if (hashlib.sha256(path.stem.encode()).digest()[0] % 2 == 0) is held_out:
            continue
        clip = media.decode("audio", path.read_bytes(), MediaSettings(), "audio")
        assert isinstance(clip, AudioClip)
        wave = np.asarray(clip.samples, dtype=np.float32)
        clips.append(np.asarray(wave / max(float(np.abs(wave).max()), 1e-6) * 0.7 * 32_767, dtype=np.int16))
        targets.append([FOREIGN] * round(_SYLLABLES_A_SECOND * wave.size / clip.sample_rate))
        names.append(path.stem)
    return of_clips(clips, targets, names)


def sounds(count: int, seed: int) -> Bank:
    """Sounds that nobody speaks in."""
    bank = make_sounds(count, seed)
    clips = [np.asarray(np.asarray(clip) * 0.7 * 32_767, dtype=np.int16) for clip in bank.clips]
    return of_clips(clips, [[] for _ in clips], ["" for _ in clips])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.mandarin")
    parser.add_argument("--data", type=Path, required=True, help="folder with zh/ and speech/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--install", action="store_true", help="write the weights into the package")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    trained = kept(
        options.out / "trained.npz", lambda: make_bank(options.data, _CLIPS, TRAINED, options.seed)
    )
    held = kept(options.out / "held.npz", lambda: make_bank(options.data, 400, HELD_OUT, options.seed + 1))
    banks = [(trained, 0.9), (people(options.data, held_out=False), 0.05), (sounds(20, options.seed), 0.05)]
    torch.manual_seed(options.seed)
    model, ema = UnitNet(), UnitNet()
    recipe = CtcRecipe(banks, options.batch, options.seed)
    settings = LoopSettings(options.steps, 2e-3, ema=0.995, measure_every=250, log_every=25)
    Trainer(model, ema, recipe.loss, lambda module: measured(module, held), "units", settings, options.out,
            say).run()  # fmt: skip
    ema.load_state_dict(load_file(options.out / "best.safetensors"))
    say(json.dumps({"voices held out": measured(ema, held),
                    "people held out": measured(ema, people(options.data, held_out=True))}))  # fmt: skip
    if options.install:
        weights.write(ema)
        say(json.dumps(understood(BilingualRecognizer(vocabulary()), 120)))


if __name__ == "__main__":
    main()
