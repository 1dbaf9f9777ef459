"""Published models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmpipe.settings.section import Section


class ModelSettings(Section):
    """Published models on disk, and how they run. The starter profile needs none of this."""

    dir: str = Field(default="./models", description="folder of pulled models: OWNER/MODEL/REVISION/ each")
    lock: str | None = Field(
        default=None, description="the file that pins revisions and digests; unset means models.lock in dir"
    )
    cache_dir: str | None = Field(
        default=None,
        description="local disk for verified copies of the lake's models; unset means a temporary folder",
    )
    hub_url: str = Field(
        default="https://huggingface.co", description="where `mmpipe models pull` fetches from"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="auto takes a GPU if there is one"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto is bfloat16 on a GPU and on CPUs with AMX"
    )
    batch_items: int = Field(default=256, gt=0, description="inputs of one batch at most")
    batch_tokens: int = Field(default=16_384, gt=0, description="padded tokens of one batch of texts")
    batch_pixels: int = Field(default=3_211_264, gt=0, description="pixels of one batch of pictures, resized")
    batch_seconds: float = Field(default=160.0, gt=0, description="seconds of one batch of recordings")
