"""The numbers that sizing rests on, each with where it comes from.

``measured``: by this project, on 2 shared x86-64 cores without a GPU. ``design``: a constant of the code or
of AWS. ``assumed``: nobody has measured it; it can be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["measured", "design", "assumed"]


@dataclass(frozen=True)
class Figure:
    """One number, its unit and its source."""

    value: float
    unit: str
    kind: Kind
    source: str


@dataclass(frozen=True)
class ProfileFigures:
    """What differs between model profiles. Memory and disk are per product with text and photo:
    ``pack_bytes`` are mapped files, once per node, ``memory_bytes`` each replica's own beside them, and
    ``disk_bytes`` the table."""

    memory_bytes: Figure
    pack_bytes: Figure
    disk_bytes: Figure
    item_seconds: Figure  # core seconds to index one product
    query_encode_ms: Figure  # on top of a search with the starter, which encodes its query within it
    search_factor: Figure  # in-process search time relative to the starter's vectors
    model_bytes: Figure


SEARCHER = (
    "benchmarks/shards.py, whole: CPU of one hybrid search with filters and three facets, 256 dimensions"
)

# (products, CPU ms of one search inside the process); the first two of a real catalogue.
SEARCH_MS: tuple[tuple[int, float], ...] = (
    (8_192, 1.91),
    (42_662, 2.05),
    (100_000, 2.76),
    (200_000, 3.55),
)
MEASURED_PRODUCTS = SEARCH_MS[-1][0]

FIGURES: Mapping[str, Figure] = {
    "http_ms": Figure(
        3.95,
        "ms of CPU",
        "measured",
        "docs/performance.md: 6 ms a search over HTTP with 42,662 products, less 2.05 ms of it inside the"
        " process: HTTP, JSON, query encoding",
    ),
    "vcpu_per_core": Figure(
        1,
        "vCPU",
        "assumed",
        "a vCPU of these machines is a hyperthread of a newer processor; the measured cores had one thread",
    ),
    "proxy_qps": Figure(
        936,
        "requests/s",
        "measured",
        "an echo through Serve's one HAProxy, which shared two cores with its caller; more was not tried",
    ),
    "utilisation": Figure(0.6, "of a core", "assumed", "above it queries queue up behind each other"),
    "process_bytes": Figure(
        550e6,
        "bytes",
        "measured",
        "a replica's process with the starter models and an empty table: 432 MB resident, and 122 MB that"
        " loading a table leaves behind",
    ),
    "versions_in_memory": Figure(
        2, "tables", "design", "while another profile's table is switched to, a replica holds both"
    ),
    "response_bytes": Figure(
        10_400, "bytes", "measured", "20 hits with scores and three facets, catalogue of 42,662 products"
    ),
    "commit_puts": Figure(
        9.6, "requests", "measured", "one upload's commit, publication and ledger, on moto's S3"
    ),
    "commit_gets": Figure(22.8, "requests", "measured", "the same, GET and HEAD"),
    "sqs_requests": Figure(3, "requests", "design", "send, receive and delete of each event"),
    "sqs_polls": Figure(
        648_000, "a month", "assumed", "five pollers of an event source mapping, 20 s long polls"
    ),
    "invocation_seconds": Figure(
        0.63,
        "seconds",
        "measured",
        "docs/performance.md: upload to searchable, p95; the handler waits for it",
    ),
    "live_checks": Figure(4, "a second", "design", "each replica reads live.json every 0.25 s"),
    "stored_versions": Figure(
        2, "times the table", "assumed", "7 days of Lance versions, 30 days of S3's, at 1 % change a day"
    ),
    "media_bytes": Figure(200_000, "bytes a product", "assumed", "photos as they were uploaded"),
    "head_vcpu": Figure(
        1, "vCPU", "assumed", "Ray, Serve's proxy and the indexer; the rest of the head is one replica's"
    ),
    "head_bytes": Figure(3e9, "bytes", "assumed", "the same"),
    "worker_bytes": Figure(1.5e9, "bytes", "assumed", "system and Ray on a worker"),
    "shard_products": Figure(
        10_000_000, "products", "assumed", "a part of 30 GB, which a node loads and holds; 200,000 were tried"
    ),
    "shard_factor": Figure(
        1.4,
        "times",
        "measured",
        "benchmarks/shards.py: a shard's three calls in place of one search, 42,662 products on two shards",
    ),
    "shard_call_ms": Figure(
        6.5,
        "ms of CPU a shard",
        "measured",
        "the same over Serve, of the ingress: calling a shard three times and merging, on a busy machine",
    ),
    "shard_answer_ms": Figure(3, "ms of CPU a shard", "assumed", "what Serve takes of the shard for that"),
    "nat_gb": Figure(10, "GB a month", "assumed", "AWS APIs; S3 has a gateway endpoint, which costs nothing"),
    "logs_gb": Figure(2, "GB a month", "assumed", "flow logs of prod among them; access logs are off"),
    "custom_metrics": Figure(
        17,
        "metrics",
        "design",
        "heartbeat, age of answers, failed jobs and GPU use of the head, failed runs of the logs, what the"
        " handlers count",
    ),
    "image_gb": Figure(20, "GB", "assumed", "container images kept for rollback"),
    "kms_requests": Figure(100_000, "a month", "assumed", "bucket keys and queues' key reuse keep them few"),
    "new_connections": Figure(
        0.1, "a query", "assumed", "callers keep connections open; LCUs count new ones too"
    ),
    "cross_zone": Figure(0.5, "of the bytes", "assumed", "between the head and replicas in other zones"),
    "index_seconds": Figure(
        6.4 / 170_648,
        "seconds a product",
        "measured",
        "docs/performance.md: building indexes and publishing, on one machine however many encode",
    ),
    "batch_vcpu": Figure(32, "vCPU", "design", "eight m7i.xlarge, the most of cpu-spot in ray_cluster.yaml"),
}

PROFILES: Mapping[str, ProfileFigures] = {
    "starter": ProfileFigures(
        memory_bytes=Figure(
            8.4, "bytes", "measured", "private after 300 searches, 42,662 products with text and photo"
        ),
        pack_bytes=Figure(
            2_970, "bytes", "measured", "benchmarks/shards.py, the same products: 2,584 are five vectors"
        ),
        disk_bytes=Figure(
            3_565, "bytes", "measured", "table with indexes of 42,662 products with text and photo: 152 MB"
        ),
        item_seconds=Figure(
            1 / 455, "core seconds", "measured", "docs/performance.md: 911 products/s on two cores"
        ),
        query_encode_ms=Figure(0.0, "ms of CPU", "measured", "0.45 ms, within the HTTP figure"),
        search_factor=Figure(1.0, "times", "measured", SEARCHER),
        model_bytes=Figure(0.0, "bytes", "measured", "within the process"),
    ),
    "siglip2": ProfileFigures(
        memory_bytes=Figure(8.4, "bytes", "measured", "the starter's: no vector is in it"),
        pack_bytes=Figure(
            8_154, "bytes", "design", "the starter's with five vectors of 768 dimensions, two bytes each"
        ),
        disk_bytes=Figure(
            9_710,
            "bytes",
            "measured",
            "41 k products of 768 dimensions without indexes, and the starter's 3 % for them",
        ),
        item_seconds=Figure(
            0.37,
            "core seconds",
            "measured",
            "its architecture with random weights, bf16, one core without"
            " AMX: text 67 ms in batches, photo 299 ms",
        ),
        query_encode_ms=Figure(84.0, "ms of CPU", "measured", "the same, one text of 64 tokens"),
        search_factor=Figure(
            2.6,
            "times",
            "measured",
            "the engine before this one, 768 dimensions against 256, 42,662 products",
        ),
        model_bytes=Figure(
            1.5e9, "bytes", "assumed", "375 M parameters in float32 are 1.5 GB; both towers in each replica"
        ),
    ),
}
