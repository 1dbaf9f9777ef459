"""Estimates as JSON, and as the tables of ``docs/costs.md``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mmpipe.costs.environments import (
    ENVIRONMENTS,
    HEAD_TYPE,
    HEAD_VOLUME_GB,
    WAF_RATE_LIMIT,
    WAF_WINDOW_SECONDS,
    WORKER_VOLUME_GB,
)
from mmpipe.costs.estimate import Estimate, estimate
from mmpipe.costs.figures import FIGURES, PROFILES, SEARCH_MS, SEARCHER, Figure
from mmpipe.costs.prices import PriceList
from mmpipe.costs.workload import Workload

PRODUCTS = (10_000, 1_000_000, 100_000_000)
QPS = (0.0, 1.0, 100.0, 10_000.0)
_EXAMPLE = (1_000_000, 100.0)
_NO_DIFFERENCE = 0.01


def to_json(found: Estimate, prices: PriceList) -> dict[str, Any]:
    """One estimate as JSON values."""
    made = found.plan
    return {
        "load": {
            "products": found.load.products,
            "qps": found.load.qps,
            "uploads_per_day": found.load.changes_per_day,
            "profile": found.load.profile,
            "environment": found.load.environment,
            "gpu_items_per_second": found.load.gpu_items_per_second,
        },
        "monthly_usd": round(found.usd, 2),
        "monthly_usd_workers_on_spot": round(found.spot_usd, 2),
        "lines": [
            {"item": each.item, "detail": each.detail, "usd": round(each.usd, 2)} for each in found.lines
        ],
        "shape": shape(found),
        "cpu_ms_per_search": round(made.query_ms, 2),
        "first_load": {"hours": round(made.load_hours, 2), "usd": round(found.load_usd, 2)},
        "warnings": [str(warning) for warning in made.warnings],
        "figures": {name: vars(figure) for name, figure in figures(found.load.profile)},
        "prices": {"region": prices.region, "as_of": prices.as_of, "note": prices.note},
    }


def shape(found: Estimate) -> dict[str, Any]:
    """Which machines, and the settings that go with them."""
    made = found.plan
    return {
        "head": made.head_type,
        "nodes": made.nodes,
        "node_type": made.node_type,
        "gpu_nodes": made.gpu_nodes,
        "gpu_type": found.load.gpu if made.gpu_nodes else None,
        "replicas": made.replicas,
        "gb_per_replica": round(made.replica_bytes / 1e9, 2),
        "gb_shared_per_node": round(made.shared_bytes / 1e9, 2),
        "head_disk_gb": made.head_gb,
        "node_disk_gb": made.node_gb,
        "shards": made.shards,
        "settings": {"MMPIPE_SERVE__MIN_REPLICAS": "1", "MMPIPE_SERVE__MAX_REPLICAS": str(made.replicas)},
        "change": _changes(found),
    }


def figures(profile: str) -> list[tuple[str, Figure]]:
    """Every number that sizing rests on with this profile, by name."""
    points = ", ".join(f"{products:,}: {ms:g} ms" for products, ms in SEARCH_MS)
    search = Figure(SEARCH_MS[-1][1], "ms of CPU", "measured", f"{SEARCHER}; {points}")
    return [("search_ms", search), *FIGURES.items(), *vars(PROFILES[profile]).items()]


def document(prices: PriceList) -> str:
    """The generated part of ``docs/costs.md``."""
    parts = [
        f"Region {prices.region}. {prices.note}",
        *_matrices(prices),
        "## Machines behind these figures",
        _shapes(prices),
        "## One bill in full",
        _bill(estimate(Workload(*_EXAMPLE), prices)),
        "## First load",
        _first_loads(prices),
        "## What the model rests on",
        "`measured`: by this project on 2 shared x86-64 cores without a GPU. `design`: a constant of the code"
        " or of AWS. `assumed`: nobody has measured it; it can be wrong.",
        _figures(),
        "## Prices",
        _prices(prices),
    ]
    return "\n\n".join(parts) + "\n"


def _matrices(prices: PriceList) -> Iterable[str]:
    yield "## A month in USD, `starter` profile"
    for environment in ("prod", "dev"):
        yield f"`{environment}` environment:"
        yield _matrix(prices, environment, "starter", PRODUCTS)
    yield "## The same with `siglip2` on CPUs, `prod`"
    yield _matrix(prices, "prod", "siglip2", PRODUCTS[:2])
    yield (
        "Two figures: all machines on demand, then workers at the list's spot fraction; one figure where that"
        " makes less than one per cent. ¹ leaves what was measured. ² is split into shards, each with its"
        " part of the collection: two were tried, so many were not, and the measured cost per product is"
        " prolonged."
    )


def _matrix(prices: PriceList, environment: str, profile: str, sizes: Sequence[int]) -> str:
    rows = []
    for products in sizes:
        cells = [f"{products:,}"]
        for qps in QPS:
            load = Workload(products, qps, environment=environment, profile=profile)
            cells.append(_cell(estimate(load, prices)))
        rows.append(cells)
    return _table(["products", "idle", "1 QPS", "100 QPS", "10,000 QPS"], rows)


def _cell(found: Estimate) -> str:
    spot, full = _usd(found.spot_usd), _usd(found.usd)
    one = found.usd - found.spot_usd < _NO_DIFFERENCE * found.usd
    mark = "²" if found.plan.shards > 1 else "¹" if found.plan.warnings else ""
    return (full if one else f"{full} / {spot}") + mark


def _shapes(prices: PriceList) -> str:
    rows = []
    for products in PRODUCTS:
        for qps in QPS[1:]:
            made = estimate(Workload(products, qps), prices).plan
            nodes = f"{made.nodes:,} × {made.node_type}" if made.node_type else "none"
            rows.append(
                [
                    f"{products:,}",
                    f"{qps:,.0f}",
                    f"{made.query_ms:,.1f}",
                    f"{made.replicas:,}",
                    f"{made.replica_bytes / 1e9:,.1f}",
                    f"{made.shared_bytes / 1e9:,.1f}",
                    f"{made.shards:,}",
                    made.head_type,
                    nodes,
                    f"{made.node_gb if made.nodes else made.head_gb:,}",
                ]
            )
    header = ["products", "QPS", "CPU ms a search", "replicas", "GB each", "GB a node shares", "shards"]
    header += ["head", "query nodes", "GB disk each"]
    return _table(header, rows)


def _bill(found: Estimate) -> str:
    rows = [[each.item, each.detail, _cents(each.usd), _cents(each.spot_usd)] for each in found.lines]
    rows.append(["**together**", "", f"**{_cents(found.usd)}**", f"**{_cents(found.spot_usd)}**"])
    load = found.load
    lead = (
        f"{load.products:,} products, {load.qps:,.0f} QPS, {load.changes_per_day:,.0f} changes a day,"
        f" `{load.profile}`, `{load.environment}`:"
    )
    return f"{lead}\n\n{_table(['item', 'what', 'on demand', 'workers on spot'], rows)}"


def _first_loads(prices: PriceList) -> str:
    rows = []
    for profile in PROFILES:
        for products in PRODUCTS:
            found = estimate(Workload(products, 0.0, profile=profile), prices)
            hours = found.plan.load_hours
            shown = f"{hours * 60:,.1f} min" if hours < 1 else f"{hours:,.1f} h"
            rows.append([profile, f"{products:,}", shown, _cents(found.load_usd)])
    cores = f"{FIGURES['batch_vcpu'].value:.0f}"
    lead = (
        f"Once, and again after a change of model, on {cores} vCPU (on demand). Only two cores were measured"
        " (911 products/s): that more cores are as many times faster, behind one committer, was not. Starting"
        " nodes takes minutes and downloads of photos from other hosts their own time; neither is counted."
    )
    return f"{lead}\n\n{_table(['profile', 'products', 'time', 'USD'], rows)}"


def _figures() -> str:
    rows = []
    for profile in PROFILES:
        for name, figure in figures(profile):
            own = name in vars(PROFILES[profile])
            if own or profile == "starter":
                rows.append([f"{profile}: {name}" if own else name, *_described(figure)])
    return _table(["figure", "value", "unit", "kind", "from"], rows)


def _described(figure: Figure) -> list[str]:
    return [number(figure.value), figure.unit, figure.kind, figure.source]


def number(value: float) -> str:
    """A figure's value for people."""
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _prices(prices: PriceList) -> str:
    rows = [
        [name, f"{each.hour:g}", f"hour; {each.vcpu} vCPU, {each.memory_gib:g} GiB", prices.instances_source]
        for name, each in prices.instances.items()
    ]
    rows += [[name, f"{each.usd:.10g}", each.unit, each.source] for name, each in prices.prices.items()]
    for tier in prices.egress:
        upto = "above" if tier.up_to_gb is None else f"up to {tier.up_to_gb:,.0f} GB a month"
        rows.append(["traffic to the internet", f"{tier.usd:g}", f"GB, {upto}", prices.egress_source])
    spot = prices.spot
    rows.append(["spot", f"{spot.used:g}", f"of on demand ({spot.low:g} to {spot.high:g})", spot.source])
    return _table(["price", "USD", "per", f"page, as known in {prices.as_of}"], rows)


def _changes(found: Estimate) -> list[str]:
    """What of the files has to be changed for this shape."""
    made, changes = found.plan, []
    if made.head_type != HEAD_TYPE:
        changes.append(f"ray_cluster.yaml: head InstanceType {made.head_type}")
    if made.node_type is not None:
        # A replica asks for half a CPU. So many CPUs and no more, and Ray places no more than memory holds.
        cpus = max(1, made.replicas_per_node // 2)
        changes.append(
            f"ray_cluster.yaml: cpu-spot InstanceType {made.node_type}, resources {{CPU: {cpus}}},"
            f" max_workers at least {made.nodes:,} (there and for the cluster)"
        )
    if made.replicas > 1:
        changes.append(f"infra/serve.yaml: max_replicas {made.replicas}")
    for name, now, gb in (
        ("head_volume_gb", HEAD_VOLUME_GB, made.head_gb),
        ("worker_volume_gb", WORKER_VOLUME_GB, made.node_gb if made.nodes else 0),
    ):
        if gb > now:
            changes.append(f"infra/modules/ray: {name} {gb:,}")
    changes += _terraform_changes(found)
    if found.load.qps > FIGURES["proxy_qps"].value:
        changes.append(
            "infra/serve.yaml: proxy_location EveryNode, and the nodes behind the load balancer too; neither"
            " was tried"
        )
    if made.shards > 1:
        changes.append(f"infra/serve.yaml: shards {made.shards}")
    return changes


def _terraform_changes(found: Estimate) -> Iterable[str]:
    site = ENVIRONMENTS[found.load.environment]
    asked = math.ceil(found.load.qps * WAF_WINDOW_SECONDS)
    if site.waf and asked > WAF_RATE_LIMIT:
        yield f"terraform.tfvars: waf_rate_limit above {asked:,}, if one backend asks for all shoppers"
    if found.usd > site.budget_usd:
        yield f"terraform.tfvars: monthly_limit_usd above {math.ceil(found.usd):,}"


def _usd(value: float) -> str:
    """Three significant digits: more would be a promise."""
    if value < 1000:
        return f"${value:,.0f}"
    digits = 3 - len(str(int(value)))
    return f"${round(value, digits):,.0f}"


def _cents(value: float) -> str:
    return f"{value:,.2f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
