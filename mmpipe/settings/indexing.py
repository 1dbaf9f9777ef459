"""From upload to row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmpipe.settings.section import Section


class IndexingSettings(Section):
    """How uploads become rows."""

    profile: str = Field(default="starter", description="model profile that encodes new data")
    uploads_uri: str | None = Field(
        default=None,
        min_length=1,
        description="the bucket (`s3://bucket`) or folder that shops upload to: orders of work may name what"
        " is in it alone, in their own collection's folder; unset: that folder of any bucket that the"
        " credentials reach, and no file of this machine",
    )
    modalities: tuple[Literal["text", "image", "audio", "video"], ...] = Field(
        default=("text", "image", "audio", "video"),
        description="what of a product is encoded; without text nothing enters the full-text index either",
    )
    warm_max_bytes: int = Field(default=400_000, gt=0, description="larger feeds take the batch lane")
    warm_max_rows: int = Field(
        default=10_000,
        gt=0,
        description="feeds with more rows take the batch lane as well, once that is seen; where there is none"
        " they are refused",
    )
    warm_seconds: float = Field(
        default=3.0, gt=0, description="likewise feeds whose reading takes more of a CPU's time"
    )
    chunk_rows: int = Field(default=256, gt=0, description="rows encoded together")
    commit_rows: int = Field(
        default=8_192,
        gt=0,
        description="rows that the batch lane stages in one file, and notes in its journal",
    )
    review_photos: bool = Field(
        default=True,
        description="photos of reviews are fetched and encoded, so that searches by a picture find products"
        " by them; false: links stay with their reviews, and nothing is fetched",
    )
    review_photos_per_product: int = Field(
        default=8, ge=1, le=100, description="of a product's review photos the newest so many are encoded"
    )
    review_photos_in_all: int = Field(
        default=100_000,
        ge=1,
        le=5_000_000,
        description="review photos of a collection that are encoded: what every replica holds of them is"
        " bounded by this; further ones wait until others went",
    )
    workers: int = Field(
        default=0, ge=0, description="encoder actors of the batch lane; 0 means one per CPU or GPU"
    )
    gpus: int | None = Field(
        default=None,
        ge=0,
        description="GPU encoders of the batch lane, asked of the cluster whether it has them yet or not;"
        " unset means one per GPU that is there",
    )
    autoscaled: bool = Field(
        default=False,
        description="the cluster adds nodes for what waits: workers ask for whole CPUs instead of sharing"
        " what is free",
    )
