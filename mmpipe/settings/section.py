"""The base of every section."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Names no setting that it does not have; a copy, and no assignment, changes one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
