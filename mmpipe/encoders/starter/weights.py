"""Weight files on disk: safetensors, int8 with one float16 scale a row, named in a SHA-256 manifest.

The text tower's table, most of all bytes, is in 4 bits, two numbers a byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.json"
GLOSSARY = "glossary.tsv"
_SCALE = "::scale"
_FINE, _COARSE = 127, 7


def quantise(state: Mapping[str, Tensor], table: str | None = None) -> dict[str, Tensor]:
    """Matrices and kernels to int8 with one float16 scale per output row; vectors to float16.

    The matrix named ``table`` to uint8 ``(rows, columns / 2)``: 4 bits a number, the first half of the
    columns in the low halves of the bytes.
    """
    import torch

    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.dim() < 2:
            packed[name] = tensor.detach().to(torch.float16).contiguous()
            continue
        flat = tensor.detach().float().flatten(1)
        scale, rounded = _rounded(flat, _COARSE if name == table else _FINE)
        if name == table:
            low, high = (rounded + 8).to(torch.uint8).chunk(2, dim=1)
            packed[name] = (low | (high << 4)).contiguous()
        else:
            packed[name] = rounded.to(torch.int8).reshape(tensor.shape).contiguous()
        packed[name + _SCALE] = scale.to(torch.float16).contiguous()
    return packed


def as_kept(table: Tensor) -> Tensor:
    """Rows of a table as they are kept in 4 bits; gradients pass as if they were the table's own."""
    rows = table.detach()
    scale, rounded = _rounded(rows.float(), _COARSE)
    return table + (rounded * scale[:, None] - rows)


def _rounded(flat: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Scales, exact in float16, and whole numbers from ``-most`` to ``most``."""
    import torch

    # Rounding the scale to float16 first keeps quantise and dequantise consistent.
    scale = (flat.abs().amax(1) / most).clamp_min(6e-8).to(torch.float16).float()
    return scale, (flat / scale[:, None]).round().clamp(-most, most)


def _unpacked(packed: Tensor) -> Tensor:
    import torch

    numbers = torch.empty(len(packed), 2 * packed.shape[1])  # written in place: loading waits for it
    low, high = numbers.chunk(2, dim=1)
    low.copy_(packed & 15)
    high.copy_(packed >> 4)
    return numbers.sub_(8)


def dequantise(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The float32 state dict back; the inverse of :func:`quantise` up to half a step a weight."""
    import torch

    state: dict[str, Tensor] = {}
    for name, tensor in packed.items():
        if name.endswith(_SCALE):
            continue
        scale = packed.get(name + _SCALE)
        numbers = _unpacked(tensor) if tensor.dtype == torch.uint8 else tensor.float()
        if scale is not None:
            numbers = numbers.mul_(scale.float().reshape(-1, *[1] * (tensor.dim() - 1)))
        state[name] = numbers
    return state


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, glossary: Path, metrics: Mapping[str, float]) -> None:
    """Name every weight file of ``folder`` and the glossary with their digests."""
    digests = {path.name: sha256_of(path) for path in sorted(folder.glob("*.safetensors"))}
    digests[GLOSSARY] = sha256_of(glossary)
    body = {"sha256": digests, "metrics": dict(sorted(metrics.items()))}
    (folder / MANIFEST).write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def verify(folder: Path, glossary: Path) -> dict[str, str]:
    """Check every file against the manifest and return the digests by file name.

    Raises :class:`ModelUnavailable` for a missing manifest or file, a digest that does not match, and a
    weight file that the manifest does not name.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        digests: dict[str, str] = dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"starter weights: no readable manifest in {folder}; reinstall mmpipe"
        ) from error
    strays = {path.name for path in folder.glob("*.safetensors")} - digests.keys()
    if strays:
        raise ModelUnavailable(f"starter weights: {', '.join(sorted(strays))} not in the manifest")
    for name, expected in digests.items():
        path = glossary if name == GLOSSARY else folder / name
        if not path.is_file():
            raise ModelUnavailable(f"starter weights: {name} is missing from {folder}; reinstall mmpipe")
        if sha256_of(path) != expected:
            raise ModelUnavailable(
                f"starter weights: {name} does not match its SHA-256 in the manifest; it was changed or "
                "damaged. Reinstall mmpipe, or export the weights again"
            )
    return digests


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file; :class:`ModelUnavailable` when it is not one."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"starter weights: {path.name} cannot be read: {error}") from error
    return tensors
