from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.costs import Workload, estimate, load_prices, plan
from mmpipe.costs.figures import FIGURES, PROFILES, SEARCH_MS
from mmpipe.costs.sizing import search_ms
from mmpipe.errors import InvalidRequest

PRICES = load_prices("us-east-1")

sizes = st.integers(1, 200_000_000)
rates = st.floats(0, 20_000)
growth = st.floats(1, 50)
profiles = st.sampled_from(sorted(PROFILES))
environments = st.sampled_from(["dev", "prod"])
gpus = st.sampled_from([None, 50.0, 800.0])


@settings(deadline=None)
@given(sizes, growth, rates, profiles, environments, gpus)
def test_more_products_never_cost_less(
    products: int, times: float, qps: float, profile: str, environment: str, gpu: float | None
) -> None:
    small, large = (
        estimate(Workload(n, qps, profile=profile, environment=environment, gpu_items_per_second=gpu), PRICES)
        for n in (products, int(products * times))
    )
    assert small.usd <= large.usd + 1e-6
    assert small.plan.query_ms <= large.plan.query_ms + 1e-9
    assert small.load_usd <= large.load_usd


@settings(deadline=None)
@given(sizes, rates, growth, profiles, environments, gpus)
def test_more_queries_never_cost_less(
    products: int, qps: float, times: float, profile: str, environment: str, gpu: float | None
) -> None:
    few, many = (
        estimate(
            Workload(products, q, profile=profile, environment=environment, gpu_items_per_second=gpu), PRICES
        )
        for q in (qps, qps * times)
    )
    assert few.usd <= many.usd + 1e-6
    assert few.plan.replicas <= many.plan.replicas


@settings(deadline=None)
@given(sizes, rates, st.floats(0, 1e6), growth)
def test_more_changes_never_cost_less(products: int, qps: float, changes: float, times: float) -> None:
    few, many = (
        estimate(Workload(products, qps, uploads_per_day=c), PRICES) for c in (changes, changes * times)
    )
    assert few.usd <= many.usd + 1e-6


@settings(deadline=None)
@given(sizes, rates, profiles)
def test_spot_is_never_dearer_and_every_line_is_real(products: int, qps: float, profile: str) -> None:
    found = estimate(Workload(products, qps, profile=profile), PRICES)
    assert 0 < found.spot_usd <= found.usd
    assert all(0 <= line.spot_usd <= line.usd and math.isfinite(line.usd) for line in found.lines)
    assert found.usd == pytest.approx(sum(line.usd for line in found.lines))


@settings(deadline=None)
@given(sizes, rates, profiles)
def test_the_machines_hold_what_they_are_said_to(products: int, qps: float, profile: str) -> None:
    made = plan(Workload(products, qps, profile=profile), PRICES)
    cores = qps * made.query_ms / 1000
    assert cores <= made.replicas * FIGURES["utilisation"].value + 1e-6
    if made.node_type is None:
        assert made.replicas == 1
        return
    machine = PRICES.instances[made.node_type]
    each = math.ceil((made.replicas - 1) / made.nodes)
    assert each <= machine.vcpu
    assert each * made.replica_bytes + made.shared_bytes <= machine.memory_gib * 2**30
    assert made.replica_bytes + made.shared_bytes <= PRICES.instances[made.head_type].memory_gib * 2**30


@pytest.mark.parametrize(("products", "ms"), SEARCH_MS)
def test_what_was_measured_is_given_back(products: int, ms: float) -> None:
    assert search_ms(products) == pytest.approx(ms)


def test_between_and_beyond_what_was_measured_are_straight_lines() -> None:
    (low, below), (high, above) = SEARCH_MS[-2:]
    assert search_ms((low + high) / 2) == pytest.approx((below + above) / 2)
    assert search_ms(high + (high - low)) == pytest.approx(above + (above - below))
    assert search_ms(1) == SEARCH_MS[0][1]


def test_a_worked_example() -> None:
    # 42,662 products, as in docs/performance.md: 6 ms a search. 300 QPS × 6 ms = 1.8 busy cores; at 60 %
    # each that is 3 replicas, one of them on the head.
    made = plan(Workload(42_662, 300), PRICES)
    assert made.query_ms == pytest.approx(6.0)
    assert (made.replicas, made.head_type, made.shards) == (3, "m7i.large", 1)
    # 550 MB of process, and two tables' 8.4 bytes a product while one is switched to another.
    assert made.replica_bytes == pytest.approx(550e6 + 2 * 42_662 * 8.4)
    assert made.shared_bytes == pytest.approx(42_662 * 2970)
    # Two replicas need two cores and 2.7 GB with what they share and the system: a c7i.large has 4 GiB.
    assert (made.nodes, made.node_type) == (1, "c7i.large")


def test_an_idle_shop_needs_its_head_only() -> None:
    made = plan(Workload(10_000, 0), PRICES)
    assert (made.replicas, made.nodes, made.gpu_nodes, made.warnings) == (1, 0, 0, ())


def test_gpus_encode_queries_in_place_of_the_replicas() -> None:
    on_cpu = plan(Workload(10_000, 100, profile="siglip2"), PRICES)
    on_gpu = plan(Workload(10_000, 100, profile="siglip2", gpu_items_per_second=100), PRICES)
    assert on_cpu.query_ms - on_gpu.query_ms == pytest.approx(84)
    assert (on_cpu.gpu_nodes, on_gpu.gpu_nodes) == (0, 2)  # 100 queries a second at 60 of 100 each
    assert any("your figure" in str(warning) for warning in on_gpu.warnings)


def test_what_leaves_the_measured_range_is_said() -> None:
    assert plan(Workload(200_000, 1), PRICES).warnings == ()
    assert "200,000" in str(plan(Workload(200_001, 1), PRICES).warnings[0])
    sharded = plan(Workload(100_000_000, 1), PRICES)
    assert sharded.shards == 10
    assert "more than two shards, were not tried" in str(sharded.warnings[0])
    assert "copies" not in [each.key for each in sharded.warnings]
    busy = plan(Workload(100_000_000, 100), PRICES).warnings
    assert "copies" in [each.key for each in busy]
    many = plan(Workload(10_000, 1_000), PRICES).warnings
    assert any("at most 2 replicas" in str(warning) for warning in many)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"products": 0}, "products"),
        ({"products": -1}, "products"),
        ({"qps": -0.1}, "qps"),
        ({"qps": math.nan}, "qps"),
        ({"qps": math.inf}, "qps"),
        ({"uploads_per_day": -1.0}, "uploads_per_day"),
        ({"gpu_items_per_second": 0.0}, "gpu_items_per_second"),
        ({"gpu_items_per_second": math.nan}, "gpu_items_per_second"),
        ({"profile": "clip"}, "profile"),
        ({"environment": "staging"}, "environment"),
    ],
)
def test_nonsense_is_refused_by_name(fields: dict[str, object], name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Workload(**({"products": 10, "qps": 1.0} | fields))  # type: ignore[arg-type]
    assert caught.value.field == name


def test_a_gpu_type_without_a_price_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"gpu: 'p5.48xlarge' is not one of g4dn.xlarge, g5.xlarge"):
        plan(Workload(10, 1, profile="siglip2", gpu_items_per_second=10, gpu="p5.48xlarge"), PRICES)


def test_disks_hold_two_versions_of_what_their_nodes_are_to_hold() -> None:
    made = plan(Workload(100_000_000, 1), PRICES)
    # Ten parts of ten million products and an ingress: 3,565 bytes of table and 2,970 of packs a product.
    assert made.replicas == 11
    assert made.node_gb >= made.replicas_per_node * 2 * 10e6 * (3_565 + 2_970) / 1e9
    assert plan(Workload(10_000, 1), PRICES).node_gb == 120


def test_a_list_of_small_machines_is_no_reason_to_crash() -> None:
    small = PRICES.model_copy(update={"instances": {"m7i.large": PRICES.instances["m7i.large"]}})
    with pytest.raises(InvalidRequest, match=r"one replica takes 6\.5 GB"):
        plan(Workload(2_000_000, 1), small)
