"""Which language model words answers, by the settings; none unless they name one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.serve.answer.assistant_checkpoint import CheckpointModel
from mmpipe.serve.answer.assistant_model import AddressModel

if TYPE_CHECKING:
    from mmpipe.serve.answer.assistant_model import Waiting
    from mmpipe.settings import AssistantSettings


def words_of(settings: AssistantSettings) -> Waiting | None:
    """The model that some settings name. Raises ``ModelUnavailable`` for a folder that holds none."""
    if settings.model_url is not None:
        return AddressModel(settings.model_url, settings)
    return None if settings.model_folder is None else CheckpointModel(Path(settings.model_folder), settings)
