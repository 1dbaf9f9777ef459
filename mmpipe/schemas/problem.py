"""What went wrong with a request: RFC 9457 problem details."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE: Final = "application/problem+json"


class ProblemField(BaseModel):
    """One field of a request that has to change."""

    field: str = Field(description="where in the request: filters.price.gte, image, body")
    detail: str = Field(description="what is wrong with it and what would be right")


class Problem(BaseModel):
    """RFC 9457 problem details; ``field`` and ``errors`` are ours."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        description="a URN that names the kind of problem: urn:mmpipe:problem:unknown-collection"
    )
    title: str
    status: int
    detail: str
    instance: str = Field(description="urn:uuid of this one occurrence, also in the service's log for 5xx")
    field: str | None = None
    errors: list[ProblemField] | None = None
