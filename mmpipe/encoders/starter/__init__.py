"""The embedded default profile: four small towers trained by this project, shipped in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.encoders.starter.loader import LoadedStarter


def load(threads: int | None = None, folder: Path | None = None, name: str = "starter") -> LoadedStarter:
    """The starter profile with its text, image, audio and video encoders, or with ``folder`` towers of the
    same form that were trained elsewhere, under a profile ``name`` of their own.

    Torch is imported here, not with the package. Raises :class:`mmpipe.errors.ModelUnavailable` when the
    weights are missing or tampered with, or torch is not installed.
    """
    from mmpipe.errors import ModelUnavailable

    try:
        from mmpipe.encoders.starter import loader
    except ModuleNotFoundError as error:
        raise ModelUnavailable(f"the starter profile needs {error.name}; pip install 'mmpipe[ml]'") from error
    return loader.load(threads, folder, name)
