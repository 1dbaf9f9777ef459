"""Fusion weights on disk: one safetensors file, named in a profile by the digest of its bytes.

The file's metadata says the ``kind`` and, as JSON, the ``weights`` per modality: what a weighted mean
consists of, and what late fusion of scores weighs by. :class:`FusionInfo` carries the first 16 hex digits of
the file's SHA-256 as its revision, so a profile with other fusion weights has another fingerprint. Reading
needs numpy alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import numpy as np

from mmpipe.encoders.base import FusionInfo, FusionKind
from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

FUSION_FILE = "fusion.safetensors"
# The packaged profile's folder, written out so that naming it does not import torch with the profile.
SHIPPED = Path(__file__).parent / "starter" / "weights"
_REVISION_DIGITS = 16


def describe(path: Path) -> FusionInfo:
    """What a profile says of the fusion in this file. Raises :class:`ModelUnavailable` where it is none."""
    return read(path)[0]


def read(path: Path) -> tuple[FusionInfo, dict[str, Vectors]]:
    """The fusion's description and its tensors, float32.

    Raises :class:`ModelUnavailable` for a file that is missing, no safetensors file, or says no known kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        revision = hashlib.sha256(path.read_bytes()).hexdigest()[:_REVISION_DIGITS]
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118
        kind = metadata["kind"]
        weights = {str(m): float(w) for m, w in json.loads(metadata["weights"]).items()}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"fusion weights: {path.name} cannot be read: {error!r}") from error
    if kind not in get_args(FusionKind):
        raise ModelUnavailable(
            f"fusion weights: {path.name} is of kind '{kind}', known are {', '.join(get_args(FusionKind))}"
        )
    return FusionInfo(cast("FusionKind", kind), revision, weights), tensors
