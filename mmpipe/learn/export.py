"""Write trained towers as the package's weight files: folded, int8, with a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mmpipe.encoders.starter import canonical
from mmpipe.encoders.starter.features import Vocabulary
from mmpipe.encoders.starter.loader import load
from mmpipe.encoders.starter.towers import fold_batch_norm
from mmpipe.encoders.starter.weights import quantise, sha256_of, write_manifest

MAX_BYTES = 15_300_000  # of 16 MB for all weights: speech and reviews have the rest


def export_text(
    state: Mapping[str, Tensor],
    vocabulary: Vocabulary,
    folder: Path,
    glossary: Path,
    *,
    coarse: bool = False,
) -> None:
    """``text.safetensors``: the tower, the vocabulary's keys, and the digest of the glossary it knows.

    ``coarse`` keeps the table in 4 bits, half as large: for one that was trained so.
    """
    packed = quantise(state, table="table.weight" if coarse else None)
    packed["keys"] = torch.tensor(vocabulary.keys, dtype=torch.int64)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(packed, folder / "text.safetensors", metadata={"glossary": sha256_of(glossary)})


def export_image(state: Mapping[str, Tensor], folder: Path) -> None:
    """``image.safetensors`` from a training-form state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tower(fold_batch_norm(dict(state)), folder / "image.safetensors")


def export_audio(state: Mapping[str, Tensor], folder: Path) -> None:
    """``audio.safetensors`` from a training-form state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tower(fold_batch_norm(dict(state)), folder / "audio.safetensors")


def save_tower(state: Mapping[str, Tensor], path: Path) -> None:
    """A weight file of a state dict without batch normalisation."""
    save_file(quantise(state), path)


def finish(
    folder: Path, glossary: Path, metrics: Mapping[str, float], *, max_bytes: int | None = MAX_BYTES
) -> int:
    """Write manifest and canonical vectors; the bytes of all weights, ``ValueError`` over ``max_bytes``."""
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes files only their owner may read
    write_manifest(folder, glossary, metrics)
    canonical.write(load(folder=folder), folder)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if max_bytes is not None and size > max_bytes:
        raise ValueError(f"weights take {size} bytes, the budget is {max_bytes}")
    return size
