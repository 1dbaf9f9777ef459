"""Models as a trainer leaves them: the packaged starter with a fusion of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mmpipe.encoders import fusion_file
from mmpipe.encoders.starter.weights import GLOSSARY, write_manifest

WEIGHTS = fusion_file.SHIPPED


def adapted(folder: Path, nudge: float) -> Path:
    """A folder of weights whose fusion differs from the packaged one by ``nudge``."""
    shutil.copytree(WEIGHTS, folder)
    path = folder / fusion_file.FUSION_FILE
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    shares = tensors["shares"] * np.exp([nudge, 0.0], dtype=np.float32)  # words count more or less
    tensors["shares"] = shares / shares.sum()
    save_file(tensors, path, metadata=metadata)
    write_manifest(folder, WEIGHTS.parent / GLOSSARY, {"recall@10": 0.5})
    return folder
