"""Which collections a service answers for, and by which versions."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ServedCollection(BaseModel):
    """The version a replica answers from."""

    collection: str
    table: str
    version: int
    rows: int = Field(description="products that can be found")
    profile: str
    profile_fingerprint: str


class ListedCollection(ServedCollection):
    """The same, with how old it is."""

    age_seconds: float = Field(
        description="since this version was last seen to be what is live: under a second, unless the store is"
        " away or a newer version is being loaded"
    )


class CollectionsResponse(BaseModel):
    """Every collection this replica serves."""

    collections: list[ListedCollection]
