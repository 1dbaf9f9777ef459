"""The object store."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class StorageSettings(Section):
    """How to reach S3. Credentials come from the usual AWS chain, never from here."""

    endpoint_url: str | None = Field(default=None, description="S3 endpoint; unset means AWS itself")
    region: str = Field(default="us-east-1", description="region of the buckets")
    timeout_seconds: float = Field(default=20.0, gt=0, description="connect and read timeout of one request")
