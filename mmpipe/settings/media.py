"""Media of feeds and queries."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class MediaSettings(Section):
    """What media a feed or a query may name, and how large each may be."""

    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="hosts that https:// links may name, exact or *.suffix"
    )
    allowed_buckets: tuple[str, ...] = Field(
        default=(), description="buckets besides the catalogue's own that s3:// may name"
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="for one https fetch, redirects included")
    trust_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="an https host that was asked this recently about a medium is not asked again",
    )
    max_image_bytes: int = Field(default=20_000_000, gt=0, description="bytes of one image file")
    max_image_pixels: int = Field(default=50_000_000, gt=0, description="width × height an image may declare")
    max_image_side: int = Field(default=30_000, gt=0, description="width or height an image may declare")
    max_audio_bytes: int = Field(default=20_000_000, gt=0, description="bytes of one recording")
    max_audio_seconds: float = Field(default=300.0, gt=0, description="length of one recording")
    max_video_bytes: int = Field(default=200_000_000, gt=0, description="bytes of one clip")
    max_video_seconds: float = Field(default=600.0, gt=0, description="length of one clip")
    max_video_frames: int = Field(default=8, gt=0, description="frames sampled from one clip")
    max_video_pixels: int = Field(default=9_000_000, gt=0, description="width × height of a frame")
