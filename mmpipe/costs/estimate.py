"""A plan times prices: a month's bill, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mmpipe.costs import environments as env
from mmpipe.costs.environments import ENVIRONMENTS, HOURS
from mmpipe.costs.figures import FIGURES, PROFILES
from mmpipe.costs.prices import PriceList
from mmpipe.costs.sizing import Plan, plan
from mmpipe.costs.words import Words
from mmpipe.costs.workload import Workload

DAYS = HOURS / 24
SECONDS = HOURS * 3600
_GB = 1e9
_CPU_NODE = "m7i.xlarge"  # cpu-spot of ray_cluster.yaml


@dataclass(frozen=True)
class Line:
    """One item of a month's bill in USD: what it is ``of``, by the item's name and in words. ``spot_usd`` is
    its cost where it may run on spot machines."""

    of: Words
    usd: float
    spot_usd: float

    @property
    def item(self) -> str:
        """What costs."""
        return self.of.key

    @property
    def detail(self) -> str:
        """What of it."""
        return str(self.of)


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


def _fixed(item: str, detail: str, usd: float, **values: float | str) -> Line:
    return Line(Words(item, detail, values), usd, usd)


def _machines(load: Workload, made: Plan, prices: PriceList) -> Iterator[Line]:
    spot = prices.spot.used
    head = prices.instances[made.head_type]
    usd = head.hour * HOURS
    yield _fixed("head", "{type}, always on, with one replica", usd, type=made.head_type)
    if made.node_type is not None:
        hour = prices.instances[made.node_type].hour
        usd = made.nodes * hour * HOURS
        kind = Words("query nodes", "{count:,} × {type}", {"count": made.nodes, "type": made.node_type})
        yield Line(kind, usd, usd * spot)
    if made.gpu_nodes:
        usd = made.gpu_nodes * prices.instances[load.gpu].hour * HOURS
        kind = Words("query encoders", "{count:,} × {type}", {"count": made.gpu_nodes, "type": load.gpu})
        yield Line(kind, usd, usd * spot)
    node = prices.instances[_CPU_NODE]
    if load.gpu_items_per_second is not None:
        hours = 2 * load.changes_per_day * DAYS / load.gpu_items_per_second / 3600
        usd, machine = hours * prices.instances[load.gpu].hour, load.gpu
    else:
        hours = made.indexing_core_seconds_per_day * DAYS / 3600 / node.vcpu
        usd, machine = hours * node.hour, _CPU_NODE
    values: dict[str, float | str] = {"hours": round(hours, 1), "type": machine}
    yield Line(Words("indexing of changes", "{hours:,} h of {type}", values), usd, usd * spot)
    disk = made.head_gb + made.nodes * made.node_gb + made.gpu_nodes * env.WORKER_VOLUME_GB
    yield _fixed("disks", "{gb:,} GB gp3", disk * prices.usd("ebs_gp3_gb_month"), gb=disk)


def _standing(load: Workload, prices: PriceList) -> Iterator[Line]:
    """What costs by the hour or month whether anybody searches or not."""
    site = ENVIRONMENTS[load.environment]
    yield _fixed("load balancer", "ALB by the hour", prices.usd("alb_hour") * HOURS)
    nat = site.nat_gateways * prices.usd("nat_hour") * HOURS + _figure("nat_gb") * prices.usd("nat_gb")
    through = round(_figure("nat_gb"))
    yield _fixed("NAT gateways", "{count}, {gb:,} GB", nat, count=site.nat_gateways, gb=through)
    addresses = site.zones + site.nat_gateways
    usd = addresses * prices.usd("ipv4_hour") * HOURS
    yield _fixed("public IPv4", "{count} addresses of load balancer and NAT", usd, count=addresses)
    if site.interface_endpoints:
        count = site.interface_endpoints * site.zones
        usd = count * prices.usd("endpoint_hour") * HOURS
        counts = {"count": site.interface_endpoints, "zones": site.zones}
        yield _fixed("interface endpoints", "{count} services in {zones} zones", usd, **counts)
    if site.waf:
        usd = prices.usd("waf_acl_month") + env.WAF_RULES * prices.usd("waf_rule_month")
        yield _fixed("firewall", "WAF, {count} rules", usd, count=env.WAF_RULES)
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
    counts = {"count": env.KMS_KEYS, "secrets": env.SECRETS}
    yield _fixed("KMS and secrets", "{count} key, {secrets} secrets", keys, **counts)
    yield _fixed("images", "ECR", _figure("image_gb") * prices.usd("ecr_gb_month"))


def _moving(load: Workload, made: Plan, prices: PriceList) -> Iterator[Line]:
    """What grows with products, changes and queries."""
    profile = PROFILES[load.profile]
    lake = load.products * profile.disk_bytes.value * _figure("stored_versions") / _GB
    uploads = load.products * _figure("media_bytes") / _GB
    usd = (lake + uploads) * prices.usd("s3_gb_month")
    sizes = {"tables": round(lake, 1), "uploads": round(uploads, 1)}
    yield _fixed("S3 storage", "tables {tables:,} GB, uploads {uploads:,} GB", usd, **sizes)

    changes = load.changes_per_day * DAYS
    commits = min(changes, SECONDS / env.BATCHING_WINDOW_SECONDS)
    puts = changes + commits * _figure("commit_puts")
    # A replica's mirror fetches the files that a commit added: at most as many as it put.
    gets = changes + commits * (_figure("commit_gets") + made.replicas * _figure("commit_puts"))
    checks = made.replicas * _figure("live_checks") * SECONDS
    usd = puts / 1000 * prices.usd("s3_put_1000") + (gets + checks) / 1000 * prices.usd("s3_get_1000")
    asked = {"commits": round(commits), "millions": round(checks / 1e6, 1)}
    yield _fixed("S3 requests", "{commits:,} commits, {millions:,} M live checks", usd, **asked)

    messages = _figure("sqs_polls") + changes * _figure("sqs_requests")
    gb_seconds = commits * _figure("invocation_seconds") * env.LAMBDA_MEMORY_GB
    usd = (
        messages / 1e6 * prices.usd("sqs_million")
        + commits / 1e6 * prices.usd("lambda_request_million")
        + gb_seconds * prices.usd("lambda_gb_second_arm")
    )
    yield _fixed("events", "SQS and Lambda, {count:,} changes", usd, count=round(changes))

    gb = load.qps * SECONDS * _figure("response_bytes") / _GB
    lcus = max(gb / HOURS, load.qps * _figure("new_connections") / 25)
    usd = lcus * HOURS * prices.usd("alb_lcu_hour")
    if ENVIRONMENTS[load.environment].waf:
        usd += load.qps * SECONDS / 1e6 * prices.usd("waf_million")
    yield _fixed("requests", "load balancer's units, and the firewall's where it is on", usd)
    yield _fixed("traffic to the internet", "{gb:,} GB of answers", prices.egress_usd(gb), gb=round(gb))
    crossing = gb * _figure("cross_zone") if made.nodes else 0.0
    usd = crossing * prices.usd("zone_gb")
    yield _fixed("traffic between zones", "{gb:,} GB", usd, gb=round(crossing))
