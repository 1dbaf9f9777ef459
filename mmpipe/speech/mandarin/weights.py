"""The network's weights in the package: int8 with a float16 scale a row, checked by digest on every load."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.encoders.starter.weights import dequantise, quantise, read_tensors, sha256_of
from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from mmpipe.speech.mandarin.network import UnitNet

FILE = Path(__file__).parent / "weights.safetensors"
DIGEST = FILE.with_suffix(".sha256")


def write(module: UnitNet) -> None:
    """Make these the weights of the package."""
    from safetensors.torch import save_file

    save_file(quantise(module.state_dict()), FILE)
    FILE.chmod(0o644)
    DIGEST.write_text(sha256_of(FILE) + "\n", encoding="ascii")


def revision() -> str:
    """The digest that the weights must have; :class:`ModelUnavailable` where the package lacks them."""
    try:
        return DIGEST.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ModelUnavailable(f"spoken Chinese: no {DIGEST.name}; reinstall mmpipe") from error


@lru_cache(maxsize=1)
def load() -> UnitNet:
    """The network, ready to hear; one for the process. :class:`ModelUnavailable` where the file is missing or
    is not the one that the package was made with."""
    from mmpipe.speech.mandarin.network import UnitNet

    expected = revision()
    if not FILE.is_file() or sha256_of(FILE) != expected:
        raise ModelUnavailable(f"spoken Chinese: {FILE.name} is missing or was changed; reinstall mmpipe")
    network = UnitNet()
    network.load_state_dict(dequantise(read_tensors(FILE)))
    return network.eval()
