"""Train the audio tower against text vectors that stay as they are.

::

    python -m training.audio --weights WEIGHTS_FOLDER --out RUN --steps 600

reads ``text.safetensors`` from the folder, writes ``audio.safetensors`` beside it, and completes the folder
with the manifest and the canonical vectors. Clips come from :mod:`training.soundbank` and from the sample
catalogue's recorder, for products of other seeds than the shipped one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.encoders import StarterText
from mmpipe.encoders.starter.sounds import SAMPLE_RATE, log_mel
from mmpipe.encoders.starter.towers import AudioTower
from mmpipe.encoders.starter.weights import GLOSSARY
from mmpipe.learn.captions import CAPTIONS
from mmpipe.learn.export import export_audio, finish
from mmpipe.learn.loop import LoopSettings, Trainer, say
from mmpipe.learn.losses import multi_positive
from mmpipe.learn.precision import autocast
from training.sample_sounds import recorded_bank
from training.soundbank import KINDS, Bank, disturb, joined, make_bank

_BANK = 60  # clips of a kind made once and disturbed anew every time they are used
_SCALE = 20.0


class AudioRecipe:
    """Batches of disturbed clips against every caption; deterministic in ``(seed, step)``."""

    def __init__(self, bank: Bank, text: StarterText, batch: int, seed: int) -> None:
        self._bank, self._batch, self._seed = bank, batch, seed
        pairs = [(kind, words) for kind, name in enumerate(KINDS) for words in CAPTIONS[name]]
        self._captions = torch.from_numpy(text.embed_documents([words for _, words in pairs]))
        self._caption_kind = np.asarray([kind for kind, _ in pairs])
        self._centres = class_centres(text)

    def loss(self, module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        """Clips against every caption (all its kind's are answers), and the distance to their mean."""
        rng = np.random.default_rng([self._seed, 7, step])
        by_kind = [np.flatnonzero(self._bank.kinds == k) for k in range(len(KINDS))]
        kinds = rng.integers(len(KINDS), size=self._batch)
        rows = [int(rng.choice(by_kind[k])) for k in kinds]
        mels = np.stack([log_mel(disturb(self._bank.clips[row], rng), SAMPLE_RATE) for row in rows])
        with autocast():
            vectors = F.normalize(module(torch.from_numpy(mels)[:, None]).float(), dim=1)
        positive = torch.from_numpy(kinds[:, None] == self._caption_kind[None, :])
        scale = torch.tensor(_SCALE)
        contrast = multi_positive(vectors, self._captions, scale, positive, torch.zeros_like(positive))
        pull = (1 - (vectors * self._centres[kinds]).sum(1)).mean()
        return contrast + pull, {"contrast": float(contrast.detach()), "pull": float(pull.detach())}


def class_centres(text: StarterText) -> Tensor:
    """The unit mean of each kind's captions, ``(kinds, dim)``."""
    centres = [text.embed_documents(list(CAPTIONS[kind])).mean(axis=0) for kind in KINDS]
    return F.normalize(torch.from_numpy(np.stack(centres)), dim=1)


def accuracy(tower: nn.Module, bank: Bank, centres: Tensor) -> float:
    """Share of undisturbed clips whose nearest kind is their own."""
    tower.eval()
    mels = np.stack([log_mel(clip, SAMPLE_RATE) for clip in bank.clips])
    with torch.inference_mode():
        vectors = F.normalize(tower(torch.from_numpy(mels)[:, None]).float(), dim=1)
    return float(((vectors @ centres.T).argmax(1).numpy() == bank.kinds).mean())


def train_audio(text: StarterText, bank: Bank, held: Bank, folder: Path, steps: int, seed: int,
                batch: int = 96) -> tuple[AudioTower, float]:  # fmt: skip
    """The trained tower (training form) and its held-out accuracy over kinds."""
    torch.manual_seed(seed)
    tower, ema = AudioTower(norm=True), AudioTower(norm=True)
    recipe = AudioRecipe(bank, text, batch, seed)
    centres = class_centres(text)
    settings = LoopSettings(steps, 2e-3, ema=0.98, measure_every=max(1, steps // 4), log_every=25)
    trainer = Trainer(tower, ema, recipe.loss, lambda m: {"accuracy": accuracy(m, held, centres)}, "accuracy",
                      settings, folder, say)  # fmt: skip
    trainer.run()
    return ema, accuracy(ema, held, centres)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    from mmpipe.encoders.starter.loader import load_text

    parser = argparse.ArgumentParser(prog="python -m training.audio")
    parser.add_argument("--weights", type=Path, required=True, help="folder with text.safetensors")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    text = load_text(options.weights / "text.safetensors")
    bank = joined(make_bank(_BANK, options.seed), recorded_bank(_BANK, options.seed))
    held = joined(make_bank(10, options.seed + 1), recorded_bank(10, options.seed + 1))
    tower, share = train_audio(text, bank, held, options.out, options.steps, options.seed)
    export_audio(tower.state_dict(), options.weights)
    finish(options.weights, Path(package.__file__).parent / GLOSSARY, {"audio_kinds": share})
    say(f"held-out accuracy over {len(KINDS)} kinds: {share:.3f}")


if __name__ == "__main__":
    main()
