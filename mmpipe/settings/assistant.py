"""The assistant."""

from __future__ import annotations

from pydantic import Field, SecretStr

from mmpipe.settings.section import Section


class AssistantSettings(Section):
    """Answers to shoppers' questions: see docs/assistant.md. Without a model templates word them."""

    model_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="an OpenAI-compatible address, up to and with its version, as in"
        " http://127.0.0.1:8080/v1: its model words answers, of which nothing is taken that the catalogue"
        " does not say; unset: templates do",
    )
    model: str = Field(default="", max_length=200, description="the model's name there")
    model_key: SecretStr = Field(default=SecretStr(""), description="bearer key of that address")
    model_timeout_seconds: float = Field(
        default=4.0, gt=0, le=60, description="after so long the template stands"
    )
    model_ongoing: int = Field(
        default=4,
        ge=1,
        le=64,
        description="answers that wait for the model at a time, of a replica; others are worded by templates",
    )
