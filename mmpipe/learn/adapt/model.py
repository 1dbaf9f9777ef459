"""The towers that are adapted, as a profile's weights hold them, or fresh."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.features import PART_SEPARATOR, Vocabulary, feature_key, named_features, pack
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.encoders.starter.loader import load_image
from mmpipe.encoders.starter.towers import AudioTower, ImageTower, TextTower
from mmpipe.encoders.starter.weights import GLOSSARY, dequantise, read_tensors, verify
from mmpipe.errors import ModelUnavailable
from mmpipe.learn.precision import autocast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmpipe.learn.adapt.settings import Tower
    from mmpipe.learn.catalogue_data import TrainingItem

NEW_ROWS = 8_000
FRESH_ROWS = 32_000
_QUIET = 0.03  # a parent's rows have a norm of about 1.4, new ones start at 0.4
_SCALE, _FRESH_SCALE = 30.0, 14.0  # the starter's vectors of a new catalogue lose least at about 30
_MAX_SCALE = 100.0
# The least number of different texts that a feature must be in, by its kind.
_LEAST = {"c": 1, "w": 2, "z": 2, "g": 3, "b": 3}
_BATCH = 64


class AdaptModel(nn.Module):
    """Text, image and audio towers, and one learned inverse temperature.

    ``folded`` towers are as weight files hold them, without batch normalisation: adapting a profile starts
    from those. Fresh ones have it, and an image tower of one eye.
    """

    def __init__(self, vocabulary: Vocabulary, *, folded: bool) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.folded = folded
        self.text = TextTower(len(vocabulary))
        self.image = ImageTower(norm=not folded)
        self.audio = AudioTower(norm=not folded)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_SCALE if folded else _FRESH_SCALE)))
        for tower in (self.image, self.audio):
            tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def scale(self) -> Tensor:
        """The inverse temperature of InfoNCE."""
        return self.log_scale.exp().clamp(max=_MAX_SCALE)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.log_scale.device

    def freeze(self, towers: Iterable[Tower]) -> None:
        """Keep these towers as they are; their batch statistics too."""
        for name in towers:
            getattr(self, name).requires_grad_(False)

    def train(self, mode: bool = True) -> AdaptModel:
        """Frozen towers stay in eval mode."""
        super().train(mode)
        for tower in (self.text, self.image, self.audio):
            if not any(p.requires_grad for p in tower.parameters()):
                tower.eval()
        return self

    def encode_packed(self, packed: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Unit vectors of packed texts, float32."""
        return F.normalize(self.text(*packed).float(), dim=1)

    def encode_images(self, images: Tensor) -> Tensor:
        """Unit vectors of float images on the canvas, float32."""
        return F.normalize(self.image(images).float(), dim=1)

    def encode_sounds(self, mels: Tensor) -> Tensor:
        """Unit vectors of log-mel pictures ``(n, 1, 64, 400)``, float32."""
        return F.normalize(self.audio(mels).float(), dim=1)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the exported text encoder does, in eval mode."""
        packed = tuple(torch.from_numpy(part).to(self.device) for part in pack(self.vocabulary, texts))
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self.encode_packed((packed[0], packed[1], packed[2])).cpu().numpy()
        return vectors

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As the exported image encoder does, of uint8 pictures on the canvas, in eval mode."""
        parts = [torch.zeros(0, self.image.project.out_features)]
        with torch.inference_mode(), autocast(self.device):
            for start in range(0, len(pictures), _BATCH):
                batch = torch.from_numpy(pictures[start : start + _BATCH].copy()).to(self.device)
                parts.append(self.encode_images(scaled(batch)).cpu())
        vectors: NDArray[np.float32] = torch.cat(parts).numpy()
        return vectors


def scaled(pictures: Tensor) -> Tensor:
    """uint8 ``(n, 160, 128, 3)`` to float ``(n, 3, 160, 128)`` in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def blended(start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """``start + share * (end - start)``, weight by weight (Wortsman et al. 2022, WiSE-FT)."""
    return {
        name: torch.lerp(start[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in end.items()
    }


def texts_of(items: Iterable[TrainingItem]) -> list[str]:
    """Every different text of these products that the text tower is to read."""
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys((*item.titles, *item.descriptions, *item.looks)))
    return list(found)


def new_keys(texts: Iterable[str], known: Vocabulary, limit: int) -> list[int]:
    """Keys of features that enough of ``texts`` have and ``known`` lacks, the most frequent first."""
    glossary = load_glossary()
    counts: Counter[str] = Counter()
    for text in texts:
        for part in text.split(PART_SEPARATOR):
            counts.update({name for name, _, _ in named_features(part, glossary)})
    kept = [(name, count) for name, count in counts.items() if count >= _LEAST[name[0]]]
    kept.sort(key=lambda pair: (-pair[1], pair[0]))
    keys = dict.fromkeys(feature_key(name) for name, _ in kept)
    return [key for key in keys if key not in known.rows][:limit]


def from_weights(folder: Path, texts: Sequence[str], seed: int) -> AdaptModel:
    """The towers of a weights folder, with rows for the features of ``texts`` that it did not know.

    New rows are quiet and the same for the same ``seed``. Raises :class:`ModelUnavailable` for a folder that
    is incomplete, tampered with, or of other towers than this version's.
    """
    verify(folder, Path(package.__file__).parent / GLOSSARY)
    try:
        packed = read_tensors(folder / "text.safetensors")
        known = Vocabulary(packed.pop("keys").tolist())
        state = dequantise(packed)
        vocabulary = Vocabulary([*known.keys, *new_keys(texts, known, NEW_ROWS)])
        model = AdaptModel(vocabulary, folded=True)
        table = torch.empty(len(vocabulary), state["table.weight"].shape[1])
        table.normal_(std=_QUIET, generator=torch.Generator().manual_seed(seed))
        table[: len(known)] = state["table.weight"]
        model.text.load_state_dict({**state, "table.weight": table})
        model.image = load_image(folder / "image.safetensors")
        if model.image.backbone is not None:
            # A shop's few pictures teach the trunk; the backbone has seen the world and stays.
            model.image.backbone.requires_grad_(False)
        if model.image.hubness is not None:
            # It is learnt from what foreign texts find, not from a picture's own.
            model.image.hubness.requires_grad_(False)
        model.image.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.audio.load_state_dict(dequantise(read_tensors(folder / "audio.safetensors")))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelUnavailable(
            f"the parent's weights are of other towers than this version's: {error}; start from the starter"
        ) from error
    return model


def fresh(texts: Sequence[str], seed: int) -> AdaptModel:
    """Untrained towers with the vocabulary of ``texts`` and the glossary."""
    surfaces = [s for term in load_glossary().terms for s in (*term.en, *term.zh)]
    torch.manual_seed(seed)
    # Twice each, so that every surface's pieces are above the least count.
    keys = new_keys([*texts, *surfaces, *surfaces], Vocabulary([]), FRESH_ROWS)
    return AdaptModel(Vocabulary(keys), folded=False)
