"""Every setting, in one tree. ``MMPIPE_SERVE__PORT=9000`` sets ``settings.serve.port``.

Nothing reads the environment at import: an entry point calls :func:`load_settings` once and passes the
result down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# No wildcard, and no "null", which every sandboxed page is.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageSettings(_Section):
    """How to reach S3. Credentials come from the usual AWS chain, never from here."""

    endpoint_url: str | None = Field(default=None, description="S3 endpoint; unset means AWS itself")
    region: str = Field(default="us-east-1", description="region of the buckets")
    timeout_seconds: float = Field(default=20.0, gt=0, description="connect and read timeout of one request")


class MediaSettings(_Section):
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


class FeedSettings(_Section):
    """Limits on one feed file."""

    max_bytes: int = Field(default=20_000_000_000, gt=0, description="after decompression")
    max_row_bytes: int = Field(default=8_000_000, gt=0, description="one row, data: URIs included")
    default_currency: str = Field(
        default="USD", pattern=r"^[A-Z]{3}$", description="of prices that name none, as in Shopify exports"
    )
    public_columns: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="columns that no format names and yet are public attributes, by collection (`*`: all);"
        " others are kept privately, and costs, notes and tax words always are",
    )
    replace: tuple[str, ...] = Field(
        default=(),
        description="collections whose every feed is the whole catalogue: products that it lacks are deleted,"
        " unless more than `MMPIPE_LAKE__MAX_SHRINK` would go",
    )
    woocommerce_id: Literal["id", "sku"] = Field(
        default="id", description="which column of a WooCommerce export is the product id"
    )


class IndexingSettings(_Section):
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


# What the upload queue (4 days) and its dead-letter queue (14) keep: an event may be that late.
_QUEUE_DAYS = 18.0


class LakeSettings(_Section):
    """Where the tables are and how they are kept."""

    uri: str = Field(default="./lake", description="a folder or s3://bucket/prefix")
    max_unindexed_rows: int = Field(
        default=2_000, gt=0, description="rows outside an index before it is brought up to date"
    )
    keep_versions: int = Field(
        default=10,
        ge=1,
        description="so many of the newest versions of a table stay for `keep_versions_days`, published or"
        " not; further ones that are not in the history of what was live are cleaned up",
    )
    keep_versions_days: float = Field(
        default=7.0, gt=0, description="older versions that are not in that history are cleaned up"
    )
    hold_versions_seconds: float = Field(
        default=120.0,
        ge=0,
        description="no version goes sooner after it was committed or ceased to be live: whoever reads it is"
        " done by then; longer than a replica takes to load one",
    )
    keep_tombstones_days: float = Field(
        default=18.0,
        ge=_QUEUE_DAYS,
        description="what is known of deleted products for so long, so that no older upload brings them back;"
        " no less than the queue and its dead-letter queue keep events",
    )
    keep_media_log_days: float = Field(
        default=18.0, ge=_QUEUE_DAYS, description="announcements of media, likewise"
    )
    keep_audit_days: float = Field(
        default=400.0, ge=1, description="records of what the shop's people asked and changed"
    )
    keep_runs_days: float = Field(
        default=90.0, ge=_QUEUE_DAYS, description="runs in the ledger, by which repeated events are known"
    )
    max_shrink: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="a larger share of products may not go at once: the upload is refused before it is"
        " written, or the version is not published; three products may always go",
    )


class InteractionSettings(_Section):
    """What shoppers did: how it is kept, and under which key nobody is named."""

    key: SecretStr = Field(
        default=SecretStr(""),
        description="key of the pseudonyms of users and sessions, 32 characters or more; without it and the"
        " secret a random one is made in the lake, once",
    )
    key_secret: str | None = Field(
        default=None,
        min_length=1,
        description="the Secrets Manager secret (ARN or name) whose text is the key instead, read once at the"
        " start by who deploys",
    )
    keep_days: int = Field(
        default=365, ge=1, le=36_500, description="older events are not read, and removed by maintenance"
    )
    poll_seconds: float = Field(
        default=0.25, gt=0, description="how often a replica looks for events that others stored"
    )
    write_seconds: float = Field(
        default=0.015,
        ge=0,
        description="a replica writes at most one object of events per collection so often; what arrives"
        " meanwhile shares the next",
    )
    compact_seconds: float = Field(
        default=300.0, gt=0, description="how often the indexer merges small objects of events"
    )

    MIN_KEY: ClassVar[int] = 32

    @model_validator(mode="after")
    def _key_is_long(self) -> InteractionSettings:
        if 0 < len(self.key.get_secret_value()) < self.MIN_KEY:
            raise ValueError("key: give 32 characters or more, as `openssl rand -hex 32` makes them")
        return self


class DispatchSettings(_Section):
    """Where handlers send work."""

    indexer_url: str = Field(
        default="http://127.0.0.1:8000", description="Serve's address; warm work goes to /internal/v1/work"
    )
    jobs_url: str = Field(
        default="http://127.0.0.1:8265",
        description="Ray's dashboard address; batch work goes to its Jobs API",
    )
    token: SecretStr = Field(default=SecretStr(""), description="shared secret of handlers and indexer")
    ray_token: SecretStr = Field(
        default=SecretStr(""), description="Ray's cluster token (RAY_AUTH_MODE=token)"
    )
    token_secret: str | None = Field(
        default=None,
        min_length=1,
        description="the Secrets Manager secret (ARN or name) whose text handlers use as the token instead",
    )
    ray_token_secret: str | None = Field(
        default=None, min_length=1, description="likewise, of Ray's cluster token"
    )
    timeout_seconds: float = Field(default=60.0, gt=0, description="for one dispatch call")
    queue_url: str | None = Field(
        default=None,
        description="the upload queue, for handlers, which have its messages come back after seconds, and for"
        " `mmpipe dlq`; unset: found as the dead-letter queue's source",
    )
    dlq_url: str | None = Field(
        default=None,
        description="its dead-letter queue, for `mmpipe dlq`; unset: found as the upload queue's own",
    )


class ServeSettings(_Section):
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
    uploads: bool = Field(
        default=False,
        description="whoever has the scope `admin` may upload files (`PUT /v1/uploads`, and the page at `/`)"
        " to `MMPIPE_INDEXING__UPLOADS_URI`, a bucket whose events reach the queue, with the service's own"
        " rights to it",
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


class ModelSettings(_Section):
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


class SpeechSettings(_Section):
    """How spoken queries and spoken product clips become text."""

    recognizer: Literal["bilingual", "sphinx", "whisper", "fake", "none"] = Field(
        default="bilingual",
        description="who listens: bilingual hears Chinese and English, sphinx English alone; none leaves"
        " recordings to the acoustic encoder",
    )
    min_confidence: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="what is heard with less counts as no speech, unless speech was asked for",
    )
    max_vocabulary_texts: int = Field(
        default=20_000,
        gt=0,
        description="titles, brands, categories and attribute values that the recogniser is adapted to",
    )
    transcribe_products: bool = Field(
        default=True, description="products' recordings are transcribed into the full text"
    )


class StockSettings(_Section):
    """The report on stock: `mmpipe stock` and `GET /v1/stock`."""

    days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="what shoppers ask for is counted over so many days, or since a product is sold out",
    )
    lead_days: float = Field(
        default=14.0,
        gt=0,
        le=366,
        description="how long it takes until ordered stock is there: low is what may not last so long",
    )
    history_days: int = Field(
        default=371, ge=7, le=1_500, description="days of purchases that forecasts are made from"
    )
    cache_seconds: float = Field(
        default=60.0, ge=0, description="`/v1/stock` answers from a report that is at most so old"
    )


class SponsoredSettings(_Section):
    """Products whose places somebody pays for: see docs/sponsored.md."""

    enabled: bool = Field(default=False, description="whether bids are read at all")
    slots: int = Field(
        default=0, ge=0, le=4, description="sponsored products of a list whose request names no number"
    )
    positions: tuple[int, ...] = Field(
        default=(0, 3, 7, 11), description="the places in a list that they take, the first one being 0"
    )
    relevance: float = Field(
        default=0.3, ge=0, le=1, description="products that are less relevant than this take no part"
    )
    charge: Literal["click", "impression"] = Field(default="click", description="what is paid for")
    reserve: float = Field(
        default=0.01, gt=0, lt=1e6, description="the least price, in the currency of the bids"
    )
    prior_ctr: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="clicks per impression that a product without any is taken to have",
    )
    prior_impressions: float = Field(
        default=200.0, gt=0, description="so many impressions of its own weigh as much as that"
    )
    lease: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="the part of a product's daily budget that a replica sets aside at once",
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="how often a replica looks for new bids and what is left of budgets"
    )
    valid_hours: float = Field(
        default=24.0, gt=0, le=168, description="a click that comes later after its auction is free"
    )

    @model_validator(mode="after")
    def _places(self) -> SponsoredSettings:
        if list(self.positions) != sorted(set(self.positions)) or any(
            not 0 <= at < 100 for at in self.positions
        ):
            raise ValueError("positions: give ascending places from 0 to 99")
        if self.slots > len(self.positions):
            raise ValueError("slots: there are fewer positions; name as many")
        return self


class SuggestSettings(_Section):
    """What is suggested while somebody types: see docs/suggestions.md."""

    min_shoppers: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="a query is suggested to others once so many different shoppers asked it",
    )
    half_life_days: float = Field(
        default=14.0, gt=0, le=3_650, description="what somebody asked counts half as much after so long"
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="how often a replica looks for queries that were asked since"
    )


class AssistantSettings(_Section):
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


class AnalyticsSettings(_Section):
    """Records of searches, by nobody's name: see docs/analytics.md."""

    enabled: bool = Field(
        default=True, description="what was searched for and what was found is recorded, never by whom"
    )
    sample: float = Field(default=1.0, gt=0, le=1, description="the share of searches that is recorded")
    write_seconds: float = Field(
        default=5.0, gt=0, le=300, description="how often a replica writes the records that wait"
    )
    keep_days: int = Field(
        default=180, ge=1, le=3_650, description="older records are not read, and removed by maintenance"
    )
    min_searches: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="a text that was searched less often is rare: reports put such texts together, unnamed",
    )
    rare_days: int = Field(
        default=30, ge=0, le=3_650, description="rare texts are removed from the records after so many days"
    )
    cache_seconds: float = Field(
        default=60.0, ge=0, description="`/v1/analytics` answers from a report that is at most so old"
    )


class PrivacySettings(_Section):
    """What statistics of shoppers may tell of each of them: see docs/experiments.md."""

    epsilon_per_day: float = Field(
        default=0.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="differential privacy that all releases of one day's events may spend together; 0:"
        " nothing is released",
    )
    min_shoppers: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="counts with less, noise included, are left out of releases",
    )
    max_products: int = Field(
        default=4,
        ge=1,
        le=1_000,
        description="products, or pairs of them, that one shopper counts for in one release; fewer is less"
        " noise",
    )


class UcpSettings(_Section):
    """The doors for shopping agents (Universal Commerce Protocol): see docs/agents.md."""

    enabled: bool = Field(default=True, description="whether agents are answered at all")
    public_url: str | None = Field(
        default=None,
        max_length=500,
        description="the address that agents reach the service by, as in https://shop.example; told in the"
        " profile. Unless given, what the request for the profile was sent to",
    )
    collection: str | None = Field(
        default=None,
        max_length=63,
        description="the collection that agents ask; the lake's only one unless given",
    )
    open: bool = Field(
        default=False,
        description="agents need no API key where there are keys; everything else still takes one",
    )
    require_agent: bool = Field(
        default=False, description="requests that do not say whose agent asks (`UCP-Agent`) are refused"
    )
    agent_hosts: tuple[str, ...] = Field(
        default=(),
        description="hosts whose agents' profiles are fetched, as cdn.shop.com, *.shop.com, or * for every"
        " public host; without any none is fetched",
    )
    media_url: str | None = Field(
        default=None,
        max_length=500,
        description="the public address of the collection's folder, to which media that a feed names by a"
        " relative key belong; without it agents are told of media with an address of their own alone",
    )

    @model_validator(mode="after")
    def _addresses(self) -> UcpSettings:
        for name, address in (("public_url", self.public_url), ("media_url", self.media_url)):
            if address is None:
                continue
            parts = urlsplit(address)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
                raise ValueError(f"{name} must be https://host, http:// on this machine alone")
            if parts.query or parts.fragment or address.endswith("/"):
                raise ValueError(f"{name} must end without a slash, query or fragment")
        return self


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="MMPIPE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    feeds: FeedSettings = FeedSettings()
    indexing: IndexingSettings = IndexingSettings()
    lake: LakeSettings = LakeSettings()
    interactions: InteractionSettings = InteractionSettings()
    dispatch: DispatchSettings = DispatchSettings()
    serve: ServeSettings = ServeSettings()
    models: ModelSettings = ModelSettings()
    speech: SpeechSettings = SpeechSettings()
    stock: StockSettings = StockSettings()
    sponsored: SponsoredSettings = SponsoredSettings()
    suggest: SuggestSettings = SuggestSettings()
    assistant: AssistantSettings = AssistantSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    privacy: PrivacySettings = PrivacySettings()
    ucp: UcpSettings = UcpSettings()


def describe(model: type[BaseModel], prefix: str = "MMPIPE_") -> Iterator[tuple[str, str, str]]:
    """Every leaf of a settings tree as (environment variable, default, meaning), in order."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from describe(field.annotation, f"{variable}__")
        else:
            default = field.get_default(call_default_factory=True)
            yield variable, f"`{default!r}`", field.description or ""


def load_settings() -> Settings:
    """Read ``MMPIPE_*`` once. Raises pydantic's ``ValidationError`` naming the setting."""
    return Settings()
