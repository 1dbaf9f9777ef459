"""Profiles of published models, run through transformers from files that ``mmpipe models pull`` pinned.

Nothing heavy is imported here; :func:`load` imports torch and transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.encoders.published.descriptions import PUBLISHED, PublishedModel, find
from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from mmpipe.encoders.published.loader import Loaded
    from mmpipe.settings import ModelSettings

__all__ = ["PUBLISHED", "PublishedModel", "find", "load"]


def load(model: PublishedModel, settings: ModelSettings, threads: int | None = None) -> Loaded:
    """The profile of a published model and its encoders, see :func:`mmpipe.encoders.published.loader.load`.

    Raises :class:`ModelUnavailable` also where the extra is not installed.
    """
    try:
        from mmpipe.encoders.published import loader
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"profile '{model.profile}' needs {error.name}: pip install 'mmpipe[ml]'"
        ) from error
    return loader.load(model, settings, threads)
