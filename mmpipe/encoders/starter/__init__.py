"""The embedded default profile: four small towers trained by this project, shipped in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.encoders.starter.loader import LoadedStarter


def load(threads: int | None = None) -> LoadedStarter:
    """The starter profile with its text, image, audio and video encoders.

    Torch is imported here, not with the package. Raises :class:`mmpipe.errors.ModelUnavailable` when the
    weights are missing or tampered with, or torch is not installed.
    """
    from mmpipe.errors import ModelUnavailable

    try:
        from mmpipe.encoders.starter import loader
    except ModuleNotFoundError as error:
        raise ModelUnavailable(f"the starter profile needs {error.name}; pip install 'mmpipe[ml]'") from error
    return loader.load(threads)
