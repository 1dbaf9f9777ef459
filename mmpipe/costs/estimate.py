"""A plan times prices: a month's bill, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mmpipe.costs import environments as env
from mmpipe.costs.environments import ENVIRONMENTS, HOURS
from mmpipe.costs.figures import FIGURES, PROFILES
from mmpipe.costs.prices import PriceList
from mmpipe.costs.sizing import Plan, plan
from mmpipe.costs.workload import Workload

DAYS = HOURS / 24
SECONDS = HOURS * 3600
_GB = 1e9
_CPU_NODE = "m7i.xlarge"  # cpu-spot of ray_cluster.yaml


@dataclass(frozen=True)
class Line:
    """One item of a month's bill in USD. ``spot_usd`` is its cost where it may run on spot machines."""

    item: str
    detail: str
    usd: float
    spot_usd: float


@dataclass(frozen=True)
class Estimate:
    """A month's bill: ``usd`` with every machine on demand, ``spot_usd`` with workers at the list's spot
    fraction. ``load_usd`` is the one-off first load of the whole catalogue, on demand."""

    load: Workload
    plan: Plan
    lines: tuple[Line, ...]
    load_usd: float

    @property
    def usd(self) -> float:
        """All of it, on demand."""
        return sum(line.usd for line in self.lines)

    @property
    def spot_usd(self) -> float:
        """All of it, workers on spot."""
        return sum(line.spot_usd for line in self.lines)


def estimate(load: Workload, prices: PriceList) -> Estimate:
    """A month of ``load``. Raises :class:`InvalidRequest` where no listed machine is large enough."""
    made = plan(load, prices)
    lines = (*_machines(load, made, prices), *_standing(load, prices), *_moving(load, made, prices))
    core_hours = made.load_hours * FIGURES["batch_vcpu"].value
    node = prices.instances[_CPU_NODE]
    return Estimate(load, made, lines, load_usd=core_hours / node.vcpu * node.hour)


def _figure(name: str) -> float:
    return FIGURES[name].value


def _fixed(item: str, detail: str, usd: float) -> Line:
    return Line(item, detail, usd, usd)


def _machines(load: Workload, made: Plan, prices: PriceList) -> Iterator[Line]:
    spot = prices.spot.used
    head = prices.instances[made.head_type]
    yield _fixed("head", f"{made.head_type}, always on, with one replica", head.hour * HOURS)
    if made.node_type is not None:
        hour = prices.instances[made.node_type].hour
        usd = made.nodes * hour * HOURS
        yield Line("query nodes", f"{made.nodes:,} × {made.node_type}", usd, usd * spot)
    if made.gpu_nodes:
        usd = made.gpu_nodes * prices.instances[load.gpu].hour * HOURS
        yield Line("query encoders", f"{made.gpu_nodes:,} × {load.gpu}", usd, usd * spot)
    node = prices.instances[_CPU_NODE]
    if load.gpu_items_per_second is not None:
        hours = 2 * load.changes_per_day * DAYS / load.gpu_items_per_second / 3600
        usd, detail = hours * prices.instances[load.gpu].hour, f"{hours:,.1f} h of {load.gpu}"
    else:
        hours = made.indexing_core_seconds_per_day * DAYS / 3600 / node.vcpu
        usd, detail = hours * node.hour, f"{hours:,.1f} h of {_CPU_NODE}"
    yield Line("indexing of changes", detail, usd, usd * spot)
    disk = made.head_gb + made.nodes * made.node_gb + made.gpu_nodes * env.WORKER_VOLUME_GB
    yield _fixed("disks", f"{disk:,} GB gp3", disk * prices.usd("ebs_gp3_gb_month"))


def _standing(load: Workload, prices: PriceList) -> Iterator[Line]:
    """What costs by the hour or month whether anybody searches or not."""
    site = ENVIRONMENTS[load.environment]
    yield _fixed("load balancer", "ALB by the hour", prices.usd("alb_hour") * HOURS)
    nat = site.nat_gateways * prices.usd("nat_hour") * HOURS + _figure("nat_gb") * prices.usd("nat_gb")
    yield _fixed("NAT gateways", f"{site.nat_gateways}, {_figure('nat_gb'):,.0f} GB", nat)
    addresses = site.zones + site.nat_gateways
    usd = addresses * prices.usd("ipv4_hour") * HOURS
    yield _fixed("public IPv4", f"{addresses} addresses of load balancer and NAT", usd)
    if site.interface_endpoints:
        count = site.interface_endpoints * site.zones
        usd = count * prices.usd("endpoint_hour") * HOURS
        detail = f"{site.interface_endpoints} services in {site.zones} zones"
        yield _fixed("interface endpoints", detail, usd)
    if site.waf:
        usd = prices.usd("waf_acl_month") + env.WAF_RULES * prices.usd("waf_rule_month")
        yield _fixed("firewall", f"WAF, {env.WAF_RULES} rules", usd)
    watch = (
        env.ALARM_METRICS * prices.usd("alarm_metric_month")
        + _figure("custom_metrics") * prices.usd("metric_month")
        + prices.usd("dashboard_month")
        + _figure("logs_gb") * prices.usd("logs_gb")
    )
    yield _fixed("CloudWatch", "alarms, metrics, dashboard, logs", watch)
    keys = (
        env.KMS_KEYS * prices.usd("kms_key_month")
        + _figure("kms_requests") / 10_000 * prices.usd("kms_10000")
        + env.SECRETS * prices.usd("secret_month")
    )
    yield _fixed("KMS and secrets", f"{env.KMS_KEYS} key, {env.SECRETS} secrets", keys)
    yield _fixed("images", "ECR", _figure("image_gb") * prices.usd("ecr_gb_month"))


def _moving(load: Workload, made: Plan, prices: PriceList) -> Iterator[Line]:
    """What grows with products, changes and queries."""
    profile = PROFILES[load.profile]
    lake = load.products * profile.disk_bytes.value * _figure("stored_versions") / _GB
    uploads = load.products * _figure("media_bytes") / _GB
    usd = (lake + uploads) * prices.usd("s3_gb_month")
    yield _fixed("S3 storage", f"tables {lake:,.1f} GB, uploads {uploads:,.1f} GB", usd)

    changes = load.changes_per_day * DAYS
    commits = min(changes, SECONDS / env.BATCHING_WINDOW_SECONDS)
    puts = changes + commits * _figure("commit_puts")
    # A replica's mirror fetches the files that a commit added: at most as many as it put.
    gets = changes + commits * (_figure("commit_gets") + made.replicas * _figure("commit_puts"))
    checks = made.replicas * _figure("live_checks") * SECONDS
    usd = puts / 1000 * prices.usd("s3_put_1000") + (gets + checks) / 1000 * prices.usd("s3_get_1000")
    yield _fixed("S3 requests", f"{commits:,.0f} commits, {checks / 1e6:,.1f} M live checks", usd)

    messages = _figure("sqs_polls") + changes * _figure("sqs_requests")
    gb_seconds = commits * _figure("invocation_seconds") * env.LAMBDA_MEMORY_GB
    usd = (
        messages / 1e6 * prices.usd("sqs_million")
        + commits / 1e6 * prices.usd("lambda_request_million")
        + gb_seconds * prices.usd("lambda_gb_second_arm")
    )
    yield _fixed("events", f"SQS and Lambda, {changes:,.0f} changes", usd)

    gb = load.qps * SECONDS * _figure("response_bytes") / _GB
    lcus = max(gb / HOURS, load.qps * _figure("new_connections") / 25)
    usd = lcus * HOURS * prices.usd("alb_lcu_hour")
    if ENVIRONMENTS[load.environment].waf:
        usd += load.qps * SECONDS / 1e6 * prices.usd("waf_million")
    yield _fixed("requests", "load balancer's units, and the firewall's where it is on", usd)
    yield _fixed("traffic to the internet", f"{gb:,.0f} GB of answers", prices.egress_usd(gb))
    crossing = gb * _figure("cross_zone") if made.nodes else 0.0
    yield _fixed("traffic between zones", f"{crossing:,.0f} GB", crossing * prices.usd("zone_gb"))
