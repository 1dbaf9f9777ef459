"""From a load to machines: replicas by CPU, nodes by CPU and memory, shards where one replica will not do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from mmpipe.costs.environments import HEAD_TYPE, HEAD_VOLUME_GB, HOURS, WORKER_VOLUME_GB
from mmpipe.costs.figures import FIGURES, MEASURED_PRODUCTS, PROFILES, SEARCH_MS, ProfileFigures
from mmpipe.costs.prices import Instance, PriceList
from mmpipe.costs.words import Words
from mmpipe.costs.workload import Workload
from mmpipe.errors import InvalidRequest

_GIB = 2**30
_SYSTEM_GB = 20  # of a disk: image, Ray, logs


@dataclass(frozen=True)
class Plan:
    """The machines of one deployment. ``query_ms`` is CPU time of one search, over all shards; the head
    carries one replica, ``nodes`` carry the others. ``replicas`` counts those of every shard too.
    ``replica_bytes`` are one replica's memory, ``shared_bytes`` what those of a node map together (of a shard
    it is its own). ``node_gb`` and ``head_gb`` are disks. ``warnings`` say where the model leaves what was
    measured or what mmpipe can do.
    """

    query_ms: float
    shards: int
    replicas: int
    replica_bytes: float
    shared_bytes: float
    head_gb: int
    node_gb: int
    head_type: str
    node_type: str | None
    nodes: int
    replicas_per_node: int
    gpu_nodes: int
    indexing_core_seconds_per_day: float
    load_hours: float
    warnings: tuple[Words, ...]


def search_ms(products: float) -> float:
    """CPU ms of one search in one process: straight lines between what was measured, the last one
    prolonged."""
    if products <= SEARCH_MS[0][0]:
        return SEARCH_MS[0][1]
    for (low, below), (high, above) in pairwise(SEARCH_MS):
        if products <= high or high == MEASURED_PRODUCTS:
            return below + (above - below) * (products - low) / (high - low)
    raise AssertionError("the last measured point ends the loop")


def plan(load: Workload, prices: PriceList) -> Plan:
    """Size a deployment. Raises :class:`InvalidRequest` where no listed machine holds one replica."""
    profile = PROFILES[load.profile]
    most = int(FIGURES["shard_products"].value)
    shards = math.ceil(load.products / most)
    # Shards are counted as full ones: that is the safe side, and a larger catalogue never costs less.
    rows = load.products if shards == 1 else most
    encode_on_gpu = load.gpu_items_per_second is not None and profile.query_encode_ms.value > 0
    front_ms = FIGURES["http_ms"].value + (0.0 if encode_on_gpu else profile.query_encode_ms.value)
    each_ms = profile.search_factor.value * search_ms(rows)
    own, shared = _memory(rows, profile, encode_on_gpu=encode_on_gpu)
    copies = 1
    if shards > 1:
        front_ms += shards * FIGURES["shard_call_ms"].value
        each_ms = each_ms * FIGURES["shard_factor"].value + FIGURES["shard_answer_ms"].value
        copies, fronts = _replicas(load, each_ms), _replicas(load, front_ms)
        placed = _sharded(prices, shards, copies, fronts, own, shared)
        replicas = shards * copies + fronts
    else:
        replicas = max(load.replicas, _replicas(load, front_ms + each_ms))
        placed = _nodes(prices, replicas - 1, own, shared)
    core_seconds, load_hours = _indexing(load)
    return Plan(
        query_ms=front_ms + shards * each_ms,
        shards=shards,
        replicas=replicas,
        replica_bytes=placed.replica_bytes,
        shared_bytes=placed.shared_bytes,
        head_gb=max(HEAD_VOLUME_GB, _disk_gb(rows, profile)),
        node_gb=max(WORKER_VOLUME_GB, _disk_gb(placed.parts * rows, profile)),
        head_type=_head(prices, placed.replica_bytes, placed.shared_bytes),
        node_type=placed.node_type,
        nodes=placed.nodes,
        replicas_per_node=placed.each,
        gpu_nodes=_gpu_nodes(load, prices) if encode_on_gpu else 0,
        indexing_core_seconds_per_day=core_seconds,
        load_hours=load_hours,
        warnings=tuple(_warnings(load, shards, copies, replicas)),
    )


@dataclass(frozen=True)
class _Placed:
    """Nodes of one type, and how many parts of a collection the disk of each holds."""

    usd: float
    nodes: int
    node_type: str | None
    each: int
    replica_bytes: float
    shared_bytes: float
    parts: int = 1


def _sharded(prices: PriceList, shards: int, copies: int, fronts: int, own: float, shared: float) -> _Placed:
    """The cheaper of two ways: any replicas on any node, each with its shard's part to itself; or nodes of
    one shard each, whose copies share the part."""
    mixed = _nodes(prices, shards * copies + fronts - 1, own + shared, 0.0)
    mixed = replace(mixed, parts=mixed.each)
    apart = _nodes(prices, copies + math.ceil(fronts / shards), own, shared)
    apart = replace(apart, usd=shards * apart.usd, nodes=shards * apart.nodes)
    return min(mixed, apart, key=lambda placed: placed.usd)


def _replicas(load: Workload, ms: float) -> int:
    """Processes that answer so many ms of CPU a search, one core each; one at least."""
    cores = load.qps * ms / 1000 / FIGURES["utilisation"].value * FIGURES["vcpu_per_core"].value
    return max(1, math.ceil(cores))


def _memory(rows: int, profile: ProfileFigures, *, encode_on_gpu: bool) -> tuple[float, float]:
    """A replica's own bytes, and those that replicas of a node share: two versions of the one, and the packs
    whole, so that no search waits for a disk."""
    model_bytes = 0.0 if encode_on_gpu else profile.model_bytes.value
    held = FIGURES["versions_in_memory"].value * rows * profile.memory_bytes.value
    return FIGURES["process_bytes"].value + model_bytes + held, rows * profile.pack_bytes.value


def _disk_gb(rows: int, profile: ProfileFigures) -> int:
    """Table and packs of the version that answers and, while models are switched, of the next."""
    each = profile.disk_bytes.value + profile.pack_bytes.value
    return _SYSTEM_GB + math.ceil(FIGURES["versions_in_memory"].value * rows * each / 1e9)


def _replicas_on(machine: Instance, replica_bytes: float, shared: float, *, head: bool) -> int:
    taken_cpu = FIGURES["head_vcpu"].value if head else 0.0
    taken = FIGURES["head_bytes" if head else "worker_bytes"].value + shared
    by_memory = (machine.memory_gib * _GIB - taken) // replica_bytes
    return 0 if machine.gpus else max(0, min(int(machine.vcpu - taken_cpu), int(by_memory)))


def _head(prices: PriceList, replica_bytes: float, shared: float) -> str:
    """The cheapest machine that carries Ray's head and one replica, not below the cluster file's own."""
    if HEAD_TYPE not in prices.instances:
        raise InvalidRequest("prices", f"the list has no {HEAD_TYPE}, which ray_cluster.yaml names")
    least = prices.instances[HEAD_TYPE].hour
    found = [
        (machine.hour, name)
        for name, machine in prices.instances.items()
        if machine.hour >= least and _replicas_on(machine, replica_bytes, shared, head=True)
    ]
    if not found:
        raise _too_large(replica_bytes + shared)
    return min(found)[1]


def _nodes(prices: PriceList, replicas: int, replica_bytes: float, shared: float) -> _Placed:
    """The cheapest machines of one type, disks included, that hold so many replicas, one to a core."""
    if replicas == 0:
        return _Placed(0.0, 0, None, 0, replica_bytes, shared)
    found: list[tuple[float, int, str, int]] = []
    for name, machine in prices.instances.items():
        each = _replicas_on(machine, replica_bytes, shared, head=False)
        if each:
            count = math.ceil(replicas / each)
            disk = WORKER_VOLUME_GB * prices.usd("ebs_gp3_gb_month")
            found.append((count * (machine.hour * HOURS + disk), count, name, each))
    if not found:
        raise _too_large(replica_bytes + shared)
    usd, count, name, each = min(found)
    return _Placed(usd, count, name, each, replica_bytes, shared)


def _too_large(replica_bytes: float) -> InvalidRequest:
    size = f"{replica_bytes / 1e9:,.1f} GB"
    return InvalidRequest("products", f"one replica takes {size}, more than any listed machine has for it")


def _gpu_nodes(load: Workload, prices: PriceList) -> int:
    """GPU encoders for queries, one to a GPU. None while nobody asks: they scale to zero."""
    machine = prices.instances.get(load.gpu)
    if machine is None or machine.gpus != 1:
        known = sorted(name for name, each in prices.instances.items() if each.gpus == 1)
        raise InvalidRequest("gpu", f"{load.gpu!r} is not one of {', '.join(known)}")
    assert load.gpu_items_per_second is not None
    return math.ceil(load.qps / (load.gpu_items_per_second * FIGURES["utilisation"].value))


def _indexing(load: Workload) -> tuple[float, float]:
    """Core seconds a day for what changes (0 where GPUs encode), and hours of the first load."""
    seconds = PROFILES[load.profile].item_seconds.value
    each = seconds / FIGURES["batch_vcpu"].value + FIGURES["index_seconds"].value
    hours = load.products * each / 3600
    return load.changes_per_day * seconds, hours


def _warnings(load: Workload, shards: int, copies: int, replicas: int) -> list[Words]:
    found: list[Words] = []
    if shards > 1:
        text = (
            "{products:,} products are split into {shards} shards of up to {most:,}: that many products, or"
            " more than two shards, were not tried, and the cost per product is prolonged"
        )
        most = round(FIGURES["shard_products"].value)
        found.append(Words("shards", text, {"products": load.products, "shards": shards, "most": most}))
    elif load.products > MEASURED_PRODUCTS:
        text = "search time was measured up to {most:,} products; beyond it is prolonged"
        found.append(Words("products", text, {"most": MEASURED_PRODUCTS}))
    if copies > 1:
        text = "each shard would need {copies:,} replicas; it is deployed with one, more are not built"
        found.append(Words("copies", text, {"copies": copies}))
    if replicas > 2:
        text = (
            "HTTP throughput was measured with at most 2 replicas (274 searches/s); that more of them behind"
            " the head's one proxy add up was not"
        )
        found.append(Words("replicas", text))
    if load.qps > FIGURES["proxy_qps"].value:
        text = (
            "every search goes through one proxy on the head; {most:,} requests/s were measured through it,"
            " and what it takes to pass more is not in this price"
        )
        found.append(Words("proxy", text, {"most": round(FIGURES["proxy_qps"].value)}))
    if load.gpu_items_per_second is not None:
        found.append(Words("gpu", "GPU throughput is your figure; this project has not measured any"))
    return found
