"""How a collection and the service do, and moving what is live."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class QueueDepths(BaseModel):
    """Messages, about as many as SQS says."""

    model_config = ConfigDict(frozen=True)

    waiting: int = Field(description="events that nobody took up yet")
    in_hand: int = Field(description="those that a handler has just now")
    dead_letters: int = Field(description="those that were given up: `mmpipe dlq list` tells why")


class Publication(BaseModel):
    """One publication of a version of a table."""

    generation: int = Field(description="grows by one with each publication")
    table: str
    version: int
    rows: int = Field(description="products that are not deleted")
    published_at: datetime
    reason: str = ""
    restores: int | None = Field(
        default=None, description="the generation that a rollback went back to; null for all others"
    )


class Latency(BaseModel):
    """Of the newest searches that the answering replica has answered, 1,000 at most."""

    searches: int
    p50_ms: float | None
    p95_ms: float | None
    per_second: float = Field(description="of them, since the oldest one, over a minute at least")


class Replicas(BaseModel):
    """One deployment of the service."""

    name: str
    running: int
    wanted: int = Field(description="as autoscaling has it now")


class Offered(BaseModel):
    """Whether and how files may be uploaded here."""

    uploads: bool
    max_upload_bytes: int
    lake: str | None = Field(
        description="where the tables are, as `--lake` takes it; null unless all collections are the caller's"
    )


class Models(BaseModel):
    """What encoded the live table."""

    profile: str
    fingerprint: str
    encoders: dict[str, str] = Field(description="model and revision, by modality")
    fusion: str


class Freshness(BaseModel):
    """How new what readers see is."""

    age_seconds: float | None = Field(
        description="since the answering replica last saw that its version is what is live; null while it"
        " holds none"
    )
    served_version: int | None = Field(description="the version that it answers from")
    upload_to_live_seconds: float | None = Field(
        description="the middle of the newest runs that changed something: from the event to live"
    )
    runs: int = Field(description="of how many runs that is")


class CostLine(BaseModel):
    """One item of a month's bill."""

    item: str
    detail: str
    values: dict[str, float | str] = Field(description="the numbers and names in `detail`")
    usd: float


class CostNote(BaseModel):
    """Where the model leaves what was measured."""

    note: str = Field(description="which one")
    detail: str
    values: dict[str, float | str] = Field(description="the numbers in `detail`")


class Cost(BaseModel):
    """What a deployment of this size and load costs a month on AWS, by the model of `mmpipe costs`: an
    estimate from list prices and measured figures, never a bill."""

    here: bool = Field(description="the lake is on this machine: nothing of it is billed by a cloud")
    usd: float = Field(description="a month, every machine on demand")
    spot_usd: float = Field(description="the same with workers on spot machines")
    lines: list[CostLine] = Field(description="what `usd` is made of")
    products: int = Field(description="assumed: of all collections, as they are served")
    searches_per_second: float = Field(
        description="assumed all day and night: what the answering replica saw lately, times the replicas"
    )
    changes_per_day: float = Field(description="assumed: products that change a day, one in a hundred")
    replicas: int = Field(description="assumed: those that run, or that such a load needs if it is more")
    profile: str = Field(description="assumed: the models whose figures are used")
    environment: str = Field(description="assumed: of infra/envs")
    region: str = Field(description="of the prices")
    prices_as_of: str = Field(description="year and month of the price list")
    warnings: list[CostNote]


class Status(BaseModel):
    """A collection, and what serves it."""

    collection: str
    live: Publication | None
    history: list[Publication] = Field(description="what was live, the newest first, 20 at most")
    back_to: Publication | None = Field(description="what a rollback makes live; null where there is nothing")
    models: Models | None
    rejects: int
    freshness: Freshness
    latency: Latency
    replicas: list[Replicas] | None = Field(description="null where they cannot be told")
    queue: QueueDepths | None = Field(
        description="of the upload queue, which all collections share; null where it is not known, or not all"
        " collections are the caller's"
    )
    offered: Offered
    cost: Cost | None = Field(
        description="of the whole deployment; null where nothing is served, or not all collections are the"
        " caller's"
    )


class Moved(BaseModel):
    """What is live after a rollback or promotion."""

    collection: str
    live: Publication
    back_to: Publication | None


class RollbackBody(BaseModel):
    """Back to what was live before."""

    model_config = ConfigDict(extra="forbid")

    generation: int = Field(
        ge=1, strict=True, description="what is live now, as /v1/status told it; else it gets a 409"
    )


class PromoteBody(RollbackBody):
    """Another version of the live table."""

    table: str = Field(max_length=128, description="the live one")
    version: int | None = Field(
        default=None, ge=1, lt=2**63, strict=True, description="the newest, unless given"
    )
