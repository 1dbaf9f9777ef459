from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.costs import load_prices
from mmpipe.errors import InvalidRequest

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run() -> Run:
    """``run("--products", 3, …)``; errors are raised as the command raises them."""
    runner = CliRunner(env={"COLUMNS": "250"})
    return lambda *arguments: runner.invoke(app, ["costs", *map(str, arguments)], catch_exceptions=False)


def test_a_bill_is_shown_with_its_reasons(run: Run) -> None:
    told = run("--products", 1_000_000, "--qps", 100)
    assert told.exit_code == 0
    assert "1,000,000 products, 100 QPS, starter, prod" in told.stdout
    assert "together" in told.stdout
    assert "utilisation 0.6 of a core, assumed" in told.stdout
    assert load_prices("us-east-1").note in told.stdout
    assert "prolonged" in told.stderr
    assert "prolonged" not in told.stdout


def test_json_is_one_line(run: Run) -> None:
    told = run("--products", 10_000, "--environment", "dev", "--json")
    assert told.stdout.count("\n") == 1
    bill = json.loads(told.stdout)
    assert bill["load"] == {
        "products": 10_000,
        "qps": 0.0,
        "uploads_per_day": 100.0,
        "profile": "starter",
        "environment": "dev",
        "gpu_items_per_second": None,
    }
    assert bill["warnings"] == []


def test_the_shape_alone(run: Run) -> None:
    told = run("--products", 1_000_000, "--qps", 100, "--recommend-shape")
    assert told.stdout.splitlines() == [
        "machines: head m7i.large, 1 × m7i.large; 3 replicas of 0.6 GB and 3.0 GB a node",
        "  change ray_cluster.yaml: cpu-spot InstanceType m7i.large, resources {CPU: 1},"
        " max_workers at least 1 (there and for the cluster)",
        "  change infra/serve.yaml: max_replicas 3",
    ]
    shape = json.loads(run("--products", 10_000, "--recommend-shape", "--json").stdout)
    assert (shape["head"], shape["nodes"], shape["change"]) == ("m7i.large", 0, [])


def test_a_price_list_of_ones_own(run: Run, tmp_path: Path) -> None:
    own = load_prices("us-east-1").model_dump() | {"region": "eu-central-1"}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(own))
    args = ("--products", 10_000, "--region", "eu-central-1", "--prices", file, "--json")
    assert json.loads(run(*args).stdout)["prices"]["region"] == "eu-central-1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "products: say how many"),
        (("--products", "-3"), "products: must be from 1"),
        (("--products", "3", "--qps", "-1"), "qps: must be from 0"),
        (("--products", "3", "--qps", "nan"), "qps: must be from 0"),
        (("--products", "3", "--profile", "gpt"), "profile: 'gpt' is not one of siglip2, starter"),
        (("--products", "3", "--region", "eu-west-9"), "region: the price list is of us-east-1"),
    ],
)
def test_nonsense(arguments: tuple[str, ...], said: str, run: Run) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run(*arguments)
    assert said in str(caught.value)
