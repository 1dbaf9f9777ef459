from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmpipe.costs import Workload, estimate, load_prices
from mmpipe.costs.environments import HOURS
from mmpipe.errors import InvalidRequest

SHIPPED = Path(__file__).parents[2] / "mmpipe" / "costs" / "prices.json"


def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


def test_every_price_says_its_page() -> None:
    prices = load_prices("us-east-1")
    assert all(price.source and price.unit for price in prices.prices.values())
    assert "check" in prices.note
    assert prices.as_of in ("2025-01",)


def test_a_list_of_ones_own_counts(tmp_path: Path) -> None:
    own = content()
    own["region"] = "eu-central-1"
    for name in ("m7i.large", "r7i.large"):
        own["instances"][name]["hour"] *= 2
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(own))
    load = Workload(10_000, 0)
    shipped = estimate(load, load_prices("us-east-1")).usd
    dearer = estimate(load, load_prices("eu-central-1", file)).usd
    assert dearer - shipped == pytest.approx(0.1008 * HOURS)


def test_another_region_needs_a_list() -> None:
    with pytest.raises(InvalidRequest, match=r"region: the price list is of us-east-1, not of 'eu-west-1'"):
        load_prices("eu-west-1")


def broken(change: str, value: object) -> dict[str, Any]:
    found = content()
    *path, last = change.split("/")
    node = found
    for part in path:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return found


@pytest.mark.parametrize(
    ("change", "value", "said"),
    [
        ("prices/alb_hour", None, "alb_hour"),
        ("prices/alb_hour/usd", -1, "prices.alb_hour.usd"),
        ("prices/alb_hour/usd", float("nan"), "prices.alb_hour.usd"),
        ("instances/m7i.large/vcpu", 0, "instances.m7i.large.vcpu"),
        ("as_of", "yesterday", "as_of"),
        ("surprise", 1, "surprise"),
        ("egress", [], "egress"),
        ("egress", [{"up_to_gb": 5, "usd": 1}], "up_to_gb null"),
        (
            "egress",
            [{"up_to_gb": 5, "usd": 1}, {"up_to_gb": 4, "usd": 1}, {"up_to_gb": None, "usd": 1}],
            "grow",
        ),
        ("spot/low", 0.9, "in that order"),
    ],
)
def test_a_damaged_list_is_refused_by_the_name_of_what_is_wrong(
    change: str, value: object, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(broken(change, value)))
    with pytest.raises(InvalidRequest, match="prices: ") as caught:
        load_prices("us-east-1", file)
    assert said in str(caught.value)


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"\xff\xfe", b"[]"])
def test_what_is_no_list_at_all(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(data)
    with pytest.raises(InvalidRequest, match="prices: "):
        load_prices("us-east-1", file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        load_prices("us-east-1", tmp_path / "none.json")


@pytest.mark.parametrize(
    ("gb", "usd"),
    [
        (0, 0),
        (10_240, 921.6),
        (10_241, 921.685),
        (51_200, 921.6 + 40_960 * 0.085),
        (200_000, 921.6 + 40_960 * 0.085 + 102_400 * 0.07 + 46_400 * 0.05),
    ],
)
def test_traffic_is_paid_tier_by_tier(gb: float, usd: float) -> None:
    assert load_prices("us-east-1").egress_usd(gb) == pytest.approx(usd)
