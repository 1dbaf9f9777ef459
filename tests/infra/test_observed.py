"""What the alarms watch is what the project tells: metrics of the head, and log lines."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, get_args

import pytest
import yaml

from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.tokens import FixedToken
from mmpipe.schemas.work import OutcomeStatus, WorkOutcome
from mmpipe.serve.ray import cloudwatch
from mmpipe.serve.ray.cloudwatch import Probe, publish
from mmpipe.settings import IndexingSettings
from tests.infra.hcl import Block, folder_blocks
from tests.infra.terraform import INFRA, ROOT
from tests.serve.test_cloudwatch import Cluster

OBSERVABILITY = INFRA / "modules" / "observability"
UPLOAD = (ROOT / "tests" / "events" / "s3_product_put.json").read_text(encoding="utf-8")
_OWN = re.compile(r"\[var\.metrics_namespace, (?P<metric>[^,]+), (?P<rest>[^\]]+)\]")
# Told by a filter of log lines and by the handler, not by the head.
_FROM_LOGS = "local.run_failures_metric"
_FROM_HANDLER = '"Orders${outcome}"'


class Recorder:
    """Takes the place of CloudWatch's client."""

    def __init__(self) -> None:
        self.namespace = ""
        self.told: dict[str, tuple[str, dict[str, str]]] = {}

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        self.namespace = Namespace
        for datum in MetricData:
            assert datum["MetricName"] not in self.told, "each metric once: each is billed"
            dimensions = {d["Name"]: d["Value"] for d in datum["Dimensions"]}
            self.told[datum["MetricName"]] = (datum["Unit"], dimensions)


@pytest.fixture(scope="module")
def told() -> Recorder:
    """What a head of a cluster with a GPU publishes, one minute."""
    cluster = Cluster()
    nodes = [{"gpus": [{"utilizationGpu": 7}]}]
    cluster.answers["/nodes?view=summary"] = {"data": {"summary": nodes}}
    recorder = Recorder()
    try:
        publish(recorder, "mmpipe-prod", Probe(cluster.url, cluster.url, FixedToken("token")).measure())
    finally:
        cluster.server.shutdown()
        cluster.server.server_close()
    return recorder


def default_of(name: str, folder: str = "modules/observability") -> str:
    """A variable's default, without its quotes."""
    (variable,) = (
        block
        for block in folder_blocks(INFRA / folder)
        if (block.kind, block.labels) == ("variable", (name,))
    )
    default = variable.attribute("default")
    assert default is not None
    return default.strip('"')


def watched(file: str) -> dict[str, str]:
    """The head's metrics that a file of the module names, each with what else it says of it."""
    text = (OBSERVABILITY / file).read_text(encoding="utf-8")
    others = (_FROM_LOGS, _FROM_HANDLER)
    found = {match["metric"]: match["rest"] for match in _OWN.finditer(text) if match["metric"] not in others}
    return {
        default_of(metric.removeprefix("var.")) if metric.startswith("var.") else metric.strip('"'): rest
        for metric, rest in found.items()
    }


def test_alarms_watch_exactly_what_the_head_tells(told: Recorder) -> None:
    alarms = watched("alarms.tf")
    assert set(alarms) == set(told.told)
    for metric, rest in alarms.items():
        assert rest.split(", ")[1] == "local.cluster", f"{metric} has the dimension of its cluster"
    assert {tuple(dimensions) for _, dimensions in told.told.values()} == {("Cluster",)}
    text = (OBSERVABILITY / "alarms.tf").read_text(encoding="utf-8")
    assert re.search(r"^  cluster\s*= \{ Cluster = coalesce\(var\.cluster_name, var\.name\) \}$", text, re.M)


def test_the_dashboard_shows_none_that_nobody_tells(told: Recorder) -> None:
    shown = watched("dashboard.tf")
    assert shown
    assert set(shown) <= set(told.told)
    assert all(rest.startswith('"Cluster", local.cluster.Cluster, ') for rest in shown.values())


def test_the_dashboard_shows_every_outcome_as_the_handler_counts_it() -> None:
    text = (OBSERVABILITY / "dashboard.tf").read_text(encoding="utf-8")
    (line,) = (match for match in _OWN.finditer(text) if match["metric"] == _FROM_HANDLER)
    assert line["rest"].startswith('"service", local.uploads, ')
    (outcomes,) = re.findall(r"for outcome in \[(.+)\]", text)
    told: Counter[str] = Counter()

    def count(name: str, value: int) -> None:
        told[name] += value

    for status in get_args(OutcomeStatus):
        executor = InProcessDispatcher(
            lambda orders: [WorkOutcome(run_id=order.run_id, status=status) for order in orders]  # noqa: B023
        )
        record = {"messageId": "m", "receiptHandle": "r", "body": UPLOAD, "attributes": {}}
        build_handler(IndexingSettings(), executor, count=count)({"Records": [record]}, None)
    shown = {f"Orders{outcome}" for outcome in re.findall(r'"(\w+)"', outcomes)}
    assert shown == {name for name in told if name.startswith("Orders") and name != "Orders"}
    (service,) = re.findall(r'uploads = "(.+)"', text)
    ingest = (INFRA / "modules" / "ingest" / "main.tf").read_text(encoding="utf-8")
    assert f'POWERTOOLS_SERVICE_NAME = "{service}"' in ingest


def test_the_comparison_can_fail() -> None:
    line = 'jobs = [var.metrics_namespace, "JobFailure", "Sum", local.cluster]'
    match = _OWN.search(line)
    assert match is not None
    assert match["metric"].strip('"') != "JobFailures"


def test_namespace_and_cluster_are_the_environments(told: Recorder) -> None:
    assert told.namespace == cloudwatch.NAMESPACE == default_of("metrics_namespace")
    assert default_of("metrics_namespace", "modules/ray") == cloudwatch.NAMESPACE, "the head's role allows it"
    cluster = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))
    (publisher,) = (c for c in cluster["head_start_ray_commands"] if "mmpipe.serve.ray.cloudwatch" in c)
    assert "--cluster ${name}" in publisher
    for environment in ("dev", "prod"):
        blocks = folder_blocks(INFRA / "envs" / environment)
        (module,) = (b for b in blocks if (b.kind, b.labels) == ("module", ("observability",)))
        assert module.attribute("name") == "local.name"
        assert module.attribute("cluster_name") is None, "the alarms' cluster is called as the environment"
        (name,) = (b for b in blocks if (b.kind, b.labels) == ("output", ("name",)))
        assert name.attribute("value") == "local.name", "and so is the one that ray_cluster.yaml starts"
        assert _local(blocks, "metrics_namespace") == cloudwatch.NAMESPACE
        for variable in ("gpu_metric_name", "heartbeat_metric_name"):
            chosen = (module.attribute(variable) or f'"{default_of(variable)}"').strip('"')
            assert chosen in told.told, f"{environment}: {variable}"


def _local(blocks: list[Block], name: str) -> str:
    values = [b.attribute(name) for b in blocks if b.kind == "locals"]
    (value,) = (value for value in values if value is not None)
    return value.strip('"')


def test_log_filters_look_for_lines_that_are_logged() -> None:
    text = (OBSERVABILITY / "metrics.tf").read_text(encoding="utf-8")
    messages = re.findall(r'\$\.message = \\"([^"\\]+)\\"', text)
    assert len(messages) == 4
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("handlers", "mmpipe/indexing", "mmpipe/serve")
        for path in (ROOT / folder).rglob("*.py")
    )
    logged = set(re.findall(r'log(?:ger)?\.(?:warning|error)\(\s*"([^"]+)"', sources))
    # The handler's line ends with the outcome's status.
    assert 'logger.log(level, "work %s", outcome.status' in sources
    assert set(messages) <= logged | {"work failed"}
