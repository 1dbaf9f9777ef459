"""Settings as ``MMPIPE_*`` variables, for a process elsewhere that calls ``load_settings`` itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, SecretStr

from mmpipe.settings import Settings


def to_environment(settings: Settings, sections: Sequence[str]) -> dict[str, str]:
    """The named sections' values that differ from their defaults; secrets are left out.

    Only differences, so that what the far side sets for itself is not undone by what we merely did not set.
    """
    environment: dict[str, str] = {}
    for name in sections:
        section: BaseModel = getattr(settings, name)
        for field, value in section.model_dump(mode="json", exclude_defaults=True).items():
            if isinstance(getattr(section, field), SecretStr):
                continue
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            environment[f"MMPIPE_{name.upper()}__{field.upper()}"] = text
    return environment
