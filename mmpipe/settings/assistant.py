"""The assistant."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

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
    model_folder: str | None = Field(
        default=None,
        description="a folder with a language model of transformers (config, safetensors, tokenizer), which"
        " words answers in this process, under the same checks; in place of an address",
    )
    model_tokens: int = Field(
        default=1_000, ge=16, le=4_000, description="a model's answer has no more tokens than these"
    )
    model_key: SecretStr = Field(default=SecretStr(""), description="bearer key of that address")
    model_timeout_seconds: float = Field(
        default=4.0, gt=0, le=60, description="after so long the template stands"
    )
    model_ongoing: int = Field(
        default=4,
        ge=1,
        le=64,
        description="answers that wait for the model at a time, of a replica; others are worded by templates."
        " A model of a folder words one at a time",
    )

    @model_validator(mode="after")
    def _one_model(self) -> AssistantSettings:
        if self.model_url is not None and self.model_folder is not None:
            raise ValueError("model_folder is in place of model_url: set one of them")
        return self
