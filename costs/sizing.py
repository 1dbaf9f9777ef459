"""From a load to machines: replicas by CPU, nodes by CPU and memory, shards where one replica will not do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from costs.environments import HEAD_TYPE, HOURS, WORKER_VOLUME_GB
from costs.figures import FIGURES, MEASURED_PRODUCTS, PROFILES, SEARCH_MS
from costs.prices import Instance, PriceList
from costs.workload import Workload
from mmpipe.errors import InvalidRequest

_GIB = 2**30


@dataclass(frozen=True)
class Plan:
    """The machines of one deployment. ``query_ms`` is CPU time of one search, over all shards; the head
    carries one replica, ``nodes`` carry the others. ``warnings`` say where the model leaves what was measured
    or what mmpipe can do.
    """

    query_ms: float
    shards: int
    replicas: int
    replica_bytes: float
    head_type: str
    node_type: str | None
    nodes: int
    replicas_per_node: int
    gpu_nodes: int
    indexing_core_seconds_per_day: float
    load_hours: float
    warnings: tuple[str, ...]


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
    encode_ms = 0.0 if encode_on_gpu else profile.query_encode_ms.value
    each_ms = FIGURES["http_ms"].value + profile.search_factor.value * search_ms(rows)
    query_ms = encode_ms + shards * each_ms
    cores = load.qps * query_ms / 1000 / FIGURES["utilisation"].value * FIGURES["vcpu_per_core"].value
    replicas = max(shards, math.ceil(cores))
    model_bytes = 0.0 if encode_on_gpu else profile.model_bytes.value
    held = FIGURES["versions_in_memory"].value * rows * profile.memory_bytes.value
    replica_bytes = FIGURES["process_bytes"].value + model_bytes + held
    node_type, nodes, each = _nodes(prices, replicas - 1, replica_bytes)
    core_seconds, load_hours = _indexing(load)
    return Plan(
        query_ms=query_ms,
        shards=shards,
        replicas=replicas,
        replica_bytes=replica_bytes,
        head_type=_head(prices, replica_bytes),
        node_type=node_type,
        nodes=nodes,
        replicas_per_node=each,
        gpu_nodes=_gpu_nodes(load, prices) if encode_on_gpu else 0,
        indexing_core_seconds_per_day=core_seconds,
        load_hours=load_hours,
        warnings=tuple(_warnings(load, shards, replicas)),
    )


def _replicas_on(machine: Instance, replica_bytes: float, *, head: bool) -> int:
    taken_cpu = FIGURES["head_vcpu"].value if head else 0.0
    taken = FIGURES["head_bytes" if head else "worker_bytes"].value
    by_memory = (machine.memory_gib * _GIB - taken) // replica_bytes
    return 0 if machine.gpus else max(0, min(int(machine.vcpu - taken_cpu), int(by_memory)))


def _head(prices: PriceList, replica_bytes: float) -> str:
    """The cheapest machine that carries Ray's head and one replica, not below the cluster file's own."""
    if HEAD_TYPE not in prices.instances:
        raise InvalidRequest("prices", f"the list has no {HEAD_TYPE}, which ray_cluster.yaml names")
    least = prices.instances[HEAD_TYPE].hour
    found = [
        (machine.hour, name)
        for name, machine in prices.instances.items()
        if machine.hour >= least and _replicas_on(machine, replica_bytes, head=True)
    ]
    if not found:
        raise _too_large(replica_bytes)
    return min(found)[1]


def _nodes(prices: PriceList, replicas: int, replica_bytes: float) -> tuple[str | None, int, int]:
    """The cheapest machines of one type, disks included, that hold so many replicas, one to a core: the type,
    how many, and how many replicas each of them holds at most."""
    if replicas == 0:
        return None, 0, 0
    found: list[tuple[float, int, str, int]] = []
    for name, machine in prices.instances.items():
        each = _replicas_on(machine, replica_bytes, head=False)
        if each:
            count = math.ceil(replicas / each)
            disk = WORKER_VOLUME_GB * prices.usd("ebs_gp3_gb_month")
            found.append((count * (machine.hour * HOURS + disk), count, name, each))
    if not found:
        raise _too_large(replica_bytes)
    _, count, name, each = min(found)
    return name, count, each


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


def _warnings(load: Workload, shards: int, replicas: int) -> list[str]:
    found = []
    if shards > 1:
        found.append(
            f"{load.products:,} products need about {shards} shards. mmpipe does not split a collection: this"
            " row prices what the measured cost per product would give, it is not a design that exists"
        )
    elif load.products > MEASURED_PRODUCTS:
        found.append(f"search time was measured up to {MEASURED_PRODUCTS:,} products; beyond it is prolonged")
    if replicas > 2:
        found.append(
            "HTTP throughput was measured with at most 2 replicas (274 searches/s); that more of them behind"
            " the head's one proxy add up was not"
        )
    if load.qps > FIGURES["proxy_qps"].value:
        found.append(
            f"every search goes through one proxy on the head; {FIGURES['proxy_qps'].value:,.0f} requests/s"
            " were measured through it, and what it takes to pass more is not in this price"
        )
    if load.gpu_items_per_second is not None:
        found.append("GPU throughput is your figure; this project has not measured any")
    return found
