from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from handlers import catalogue_uploaded, maintenance_due
from mmpipe.costs import ENVIRONMENTS, PROFILES, Estimate, Workload, estimate, load_prices, shape, to_json
from mmpipe.costs import environments as env
from mmpipe.costs.figures import FIGURES, SEARCH_MS
from mmpipe.serve.ray import cloudwatch, scaling
from mmpipe.settings import ServeSettings, Settings

ROOT = Path(__file__).parents[2]
PRICES = load_prices("us-east-1")


def line(found: Estimate, item: str) -> float:
    (only,) = [each.usd for each in found.lines if each.item == item]
    return only


def test_an_idle_month_by_hand() -> None:
    found = estimate(Workload(10_000, 0, uploads_per_day=0, environment="dev"), PRICES)
    assert line(found, "head") == pytest.approx(0.1008 * 730)
    assert line(found, "disks") == pytest.approx(60 * 0.08)
    assert line(found, "load balancer") == pytest.approx(0.0225 * 730)
    assert line(found, "NAT gateways") == pytest.approx(0.045 * 730 + 10 * 0.045)
    assert line(found, "public IPv4") == pytest.approx(3 * 0.005 * 730)
    # One replica asks four times a second which version is live.
    assert line(found, "S3 requests") == pytest.approx(4 * 730 * 3600 / 1000 * 0.0004)
    assert line(found, "traffic to the internet") == line(found, "requests") == 0
    assert line(found, "indexing of changes") == 0
    assert found.usd == found.spot_usd


def test_changes_by_hand() -> None:
    quiet, busy = (
        estimate(Workload(10_000, 0, uploads_per_day=n, environment="dev"), PRICES) for n in (0, 24_000)
    )
    changes = 24_000 * 730 / 24  # each is a commit of its own: fewer than one a second
    puts, gets = changes * (1 + 9.6), changes * (1 + 22.8 + 9.6)
    extra = line(busy, "S3 requests") - line(quiet, "S3 requests")
    assert extra == pytest.approx(puts / 1000 * 0.005 + gets / 1000 * 0.0004)
    events = changes * (3 * 0.40 / 1e6 + 0.20 / 1e6 + 0.63 * 0.25 * 0.0000133334)
    assert line(busy, "events") - line(quiet, "events") == pytest.approx(events)
    hours = changes / 455 / 3600 / 4  # core seconds on a machine of four
    assert line(busy, "indexing of changes") == pytest.approx(hours * 0.2016)


def test_queries_by_hand() -> None:
    found = estimate(Workload(10_000, 100, environment="prod"), PRICES)
    searches = 100 * 730 * 3600
    gb = searches * 10_400 / 1e9
    assert line(found, "traffic to the internet") == pytest.approx(gb * 0.09)
    assert line(found, "requests") == pytest.approx(gb * 0.008 + searches / 1e6 * 0.60)
    assert found.plan.nodes == 0
    assert line(found, "traffic between zones") == 0


def test_spot_is_for_workers_only() -> None:
    found = estimate(Workload(10_000, 10_000), PRICES)
    changed = {each.item for each in found.lines if each.usd != each.spot_usd}
    assert changed == {"query nodes", "indexing of changes"}


def test_json_holds_the_bill_and_its_reasons() -> None:
    found = estimate(Workload(1_000_000, 100), PRICES)
    told = to_json(found, PRICES)
    assert sum(each["usd"] for each in told["lines"]) == pytest.approx(told["monthly_usd"], abs=0.2)
    assert told["prices"]["as_of"] == "2025-01"
    assert {figure["kind"] for figure in told["figures"].values()} == {"measured", "design", "assumed"}
    assert all(figure["source"] for figure in told["figures"].values())
    assert told["shape"]["settings"]["MMPIPE_SERVE__MAX_REPLICAS"] == str(found.plan.replicas)


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_environments_are_what_terraform_makes(name: str) -> None:
    folder = ROOT / "infra" / "envs" / name
    main = (folder / "main.tf").read_text(encoding="utf-8")
    variables = (folder / "variables.tf").read_text(encoding="utf-8")
    said = ENVIRONMENTS[name]
    zones = int(re.findall(r"\baz_count\s*=\s*(\d+)", main)[0])
    single = re.findall(r"\bsingle_nat_gateway\s*=\s*(\w+)", main)[0] == "true"
    assert (said.zones, said.nat_gateways) == (zones, 1 if single else zones)
    assert said.interface_endpoints == len(default_list(variables, "interface_endpoints"))
    waf = re.findall(r"\bwaf_enabled\s*=\s*([\w.]+)", main)[0]
    if waf == "var.waf_enabled":
        waf = re.findall(r'variable "waf_enabled" {.*?default\s*=\s*(\w+)', variables, re.DOTALL)[0]
    assert said.waf == (waf == "true")
    assert said.budget_usd == float(default_number(variables, "monthly_limit_usd"))
    if said.waf:
        assert int(default_number(variables, "waf_rate_limit")) == env.WAF_RATE_LIMIT


def default_list(variables: str, name: str) -> list[str]:
    found = re.findall(rf'variable "{name}" {{.*?default\s*=\s*\[(.*?)\]', variables, re.DOTALL)
    return re.findall(r'"([^"]+)"', found[0]) if found else []


def default_number(variables: str, name: str) -> str:
    (found,) = re.findall(rf'variable "{name}" {{.*?default\s*=\s*([0-9.]+)', variables, re.DOTALL)
    return str(found)


def test_machines_are_those_of_the_cluster_file() -> None:
    cluster = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))
    types = cluster["available_node_types"]
    assert types["head"]["node_config"]["InstanceType"] == env.HEAD_TYPE
    assert types["cpu-spot"]["node_config"]["InstanceType"] == "m7i.xlarge"
    assert types["cpu-spot"]["max_workers"] * PRICES.instances["m7i.xlarge"].vcpu == 32
    ray = (ROOT / "infra" / "modules" / "ray" / "variables.tf").read_text(encoding="utf-8")
    for variable, gb in (("head_volume_gb", env.HEAD_VOLUME_GB), ("worker_volume_gb", env.WORKER_VOLUME_GB)):
        assert re.findall(rf'variable "{variable}" {{.*?default\s*=\s*(\d+)', ray, re.DOTALL) == [str(gb)]


def test_alarm_metrics_are_counted_as_they_are_billed() -> None:
    text = (ROOT / "infra" / "modules" / "observability" / "alarms.tf").read_text(encoding="utf-8")
    single = len(re.findall(r'=\s*\[(?:"AWS/|var\.)', text))
    per_function = len(re.findall(r"for i, name in var\.function_names", text))
    functions = 2  # the two handlers of infra/envs
    assert single + functions * per_function == env.ALARM_METRICS


def test_what_the_head_and_the_logs_tell_is_counted() -> None:
    by_the_head = re.findall(r"^\* ``(\w+)``", cloudwatch.__doc__ or "", re.MULTILINE)
    assert len(by_the_head) >= 3
    metrics = (ROOT / "infra" / "modules" / "observability" / "metrics.tf").read_text(encoding="utf-8")
    by_the_logs = set(re.findall(r"^    name +(?:= )(local\.\w+)", metrics, re.MULTILINE))
    by_handlers: set[str] = set()
    for module in (catalogue_uploaded, maintenance_due):
        # The one sentence of each that lists them.
        told = re.search(r"metrics\s+``.*?(?=[;.])", inspect.getsource(module), re.DOTALL)
        assert told is not None
        by_handlers.update(re.findall(r"``(\w+)``", told.group()))
    assert {"Messages", "OrdersRetry", "JobsAccepted"} <= by_handlers
    told_in_all = len(by_the_head) + len(by_the_logs) + len(by_handlers)
    assert told_in_all == FIGURES["custom_metrics"].value


def test_figures_are_those_of_the_page_they_name() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    def said(pattern: str) -> float:
        (found,) = re.findall(pattern, page)
        return float(found.replace(",", ""))

    starter = PROFILES["starter"]
    at_42662 = dict(SEARCH_MS)[42_662]
    assert FIGURES["http_ms"].value == pytest.approx(said(r"about (\S+) ms of CPU through HTTP") - at_42662)
    assert FIGURES["invocation_seconds"].value == said(r"searchable, .*p95 \*\*(\S+) s\*\*")
    assert FIGURES["index_seconds"].value == pytest.approx(said(r"\((\S+) s for 170,648\)") / 170_648)
    # Two cores worked: half of it is one core's.
    a_second = said(r"170,648 products \| (\S+) products/s")
    assert 1 / starter.item_seconds.value == pytest.approx(a_second / 2, rel=0.002)
    assert f"{a_second:.0f} products/s" in starter.item_seconds.source
    assert "docs/performance.md" in starter.item_seconds.source


def test_live_checks_are_as_many_as_the_settings_make() -> None:
    assert FIGURES["live_checks"].value == 1 / ServeSettings().live_poll_seconds


def changes(products: int, qps: float, **others: str) -> list[str]:
    found: list[str] = shape(estimate(Workload(products, qps, **others), PRICES))["change"]
    return found


def test_what_a_load_needs_changed_is_said() -> None:
    assert changes(10_000, 1) == changes(10_000, 1, environment="dev") == []
    # A shop's backend is one address: 101 searches a second are 30,300 in five minutes.
    assert any("waf_rate_limit above 30,300" in line for line in changes(10_000, 101))
    assert not any("waf_rate_limit" in line for line in changes(10_000, 100))
    assert not any("waf_rate_limit" in line for line in changes(10_000, 101, environment="dev"))
    assert any("monthly_limit_usd above" in line for line in changes(10_000, 100, environment="dev"))
    assert any("EveryNode" in line for line in changes(10_000, 937))
    assert not any("EveryNode" in line for line in changes(10_000, 936))


def test_no_node_is_given_more_replicas_than_its_memory_holds() -> None:
    found = estimate(Workload(1_000_000, 10_000), PRICES)
    made = found.plan
    assert made.node_type is not None
    (line,) = [each for each in shape(found)["change"] if "cpu-spot" in each]
    asked = scaling.api(Settings())["ray_actor_options"]["num_cpus"]
    placed = int(re.findall(r"\{CPU: (\d+)\}", line)[0]) / asked
    assert placed * made.replica_bytes <= PRICES.instances[made.node_type].memory_gib * 2**30
