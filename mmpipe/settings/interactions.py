"""Shoppers' events."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr, model_validator

from mmpipe.settings.section import Section


class InteractionSettings(Section):
    """What shoppers did: how it is kept, and under which key nobody is named."""

    key: SecretStr = Field(
        default=SecretStr(""),
        description="key of the pseudonyms of users and sessions, 32 characters or more; without it and the"
        " secret a random one is made in the lake, once",
    )
    key_secret: str | None = Field(
        default=None,
        min_length=1,
        description="the Secrets Manager secret (ARN or name) whose text is the key instead, read once at the"
        " start by who deploys",
    )
    keep_days: int = Field(
        default=365, ge=1, le=36_500, description="older events are not read, and removed by maintenance"
    )
    poll_seconds: float = Field(
        default=0.25, gt=0, description="how often a replica looks for events that others stored"
    )
    write_seconds: float = Field(
        default=0.015,
        ge=0,
        description="a replica writes at most one object of events per collection so often; what arrives"
        " meanwhile shares the next",
    )
    compact_seconds: float = Field(
        default=300.0, gt=0, description="how often the indexer merges small objects of events"
    )

    MIN_KEY: ClassVar[int] = 32

    @model_validator(mode="after")
    def _key_is_long(self) -> InteractionSettings:
        if 0 < len(self.key.get_secret_value()) < self.MIN_KEY:
            raise ValueError("key: give 32 characters or more, as `openssl rand -hex 32` makes them")
        return self
