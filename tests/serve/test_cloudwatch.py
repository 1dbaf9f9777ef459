"""Cluster metrics: what is measured of Ray and the service, and what reaches CloudWatch (moto's)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from mmpipe.dispatch.tokens import FixedToken
from mmpipe.errors import DispatchUnavailable
from mmpipe.serve.ray import cloudwatch, node_secrets
from mmpipe.serve.ray.cloudwatch import NodeToken, Probe, only_one, publish, run

TOKEN = "cluster-token"
GIVEN = FixedToken(TOKEN)


class Cluster:
    """The service and Ray's dashboard on one port, as they answer; ``answers`` may be changed."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/healthz": {"status": "ok"},
            "/readyz": {"status": "ready", "collections": ["shop"]},
            "/api/jobs/": [],
            "/nodes?view=summary": {"data": {"summary": []}},
        }
        self.tokens: set[str | None] = set()
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path not in ("/healthz", "/readyz"):
                    cluster.tokens.add(self.headers.get("Authorization"))
                found = cluster.answers.get(self.path)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def jobs(self, **states: str) -> None:
        """Submission id → state."""
        self.answers["/api/jobs/"] = [{"submission_id": i, "status": s} for i, s in states.items()]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.server.shutdown()
    cluster.server.server_close()


def _values(probe: Probe) -> dict[str, float]:
    return {name: value for name, value, _ in probe.measure()}


def test_a_cluster_at_rest_beats_and_has_no_gpu_figure(cluster: Cluster) -> None:
    assert _values(Probe(cluster.url, cluster.url, GIVEN)) == {
        "Heartbeat": 1,
        "AnswerAge": 0,
        "JobFailures": 0,
    }
    assert cluster.tokens == {f"Bearer {TOKEN}"}


def test_the_age_of_the_oldest_answers_is_told_while_a_replica_is_ready(cluster: Cluster) -> None:
    probe = Probe(cluster.url, cluster.url, GIVEN)
    cluster.answers["/readyz"] = {"status": "ready", "collections": [], "stale_seconds": 612}
    assert _values(probe)["AnswerAge"] == 612
    del cluster.answers["/readyz"]
    assert "AnswerAge" not in _values(probe)
    assert _values(probe)["Heartbeat"] == 1


def test_each_failed_job_is_counted_once(cluster: Cluster) -> None:
    probe = Probe(cluster.url, cluster.url, GIVEN)
    cluster.jobs(old="FAILED", going="RUNNING")
    assert _values(probe)["JobFailures"] == 0, "failed before this process came"
    cluster.jobs(old="FAILED", going="FAILED", other="FAILED", fine="SUCCEEDED")
    assert _values(probe)["JobFailures"] == 2
    assert _values(probe)["JobFailures"] == 0


def test_gpu_utilisation_is_the_mean_of_those_that_tell(cluster: Cluster) -> None:
    nodes = [
        {"gpus": []},
        {"gpus": [{"utilizationGpu": 40}, {"utilizationGpu": None}]},
        {"gpus": [{"utilizationGpu": 0}]},
        {},
    ]
    cluster.answers["/nodes?view=summary"] = {"data": {"summary": nodes}}
    assert _values(Probe(cluster.url, cluster.url, GIVEN))["GpuUtilisation"] == 20


@pytest.mark.parametrize("silent", ["/healthz", "/api/jobs/"])
def test_what_does_not_answer_is_no_heartbeat(cluster: Cluster, silent: str) -> None:
    del cluster.answers[silent]
    assert _values(Probe(cluster.url, cluster.url, GIVEN))["Heartbeat"] == 0


def test_a_token_that_cannot_be_read_is_no_heartbeat(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    assert _values(Probe(cluster.url, cluster.url, NodeToken())) == {"Heartbeat": 0, "AnswerAge": 0}


def test_a_head_that_is_gone_is_no_heartbeat() -> None:
    assert _values(Probe("http://127.0.0.1:9", "http://127.0.0.1:9", GIVEN)) == {"Heartbeat": 0}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def test_metrics_reach_cloudwatch_under_the_clusters_name(aws: None) -> None:
    client = boto3.client("cloudwatch")
    publish(client, "mmpipe-prod", [("JobFailures", 2.0, "Count"), ("GpuUtilisation", 12.5, "Percent")])
    found = client.list_metrics(Namespace=cloudwatch.NAMESPACE)["Metrics"]
    named = {(m["MetricName"], *((d["Name"], d["Value"]) for d in m["Dimensions"])) for m in found}
    assert named == {
        ("JobFailures", ("Cluster", "mmpipe-prod")),
        ("GpuUtilisation", ("Cluster", "mmpipe-prod")),
    }
    now = datetime.now(UTC)
    points = client.get_metric_statistics(
        Namespace=cloudwatch.NAMESPACE,
        MetricName="JobFailures",
        Dimensions=[{"Name": "Cluster", "Value": "mmpipe-prod"}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert [point["Sum"] for point in points] == [2.0]


def test_a_refusal_by_cloudwatch_ends_nothing(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    from botocore.exceptions import EndpointConnectionError

    stop = threading.Event()

    class Refusing:
        def put_metric_data(self, **_: Any) -> None:
            stop.set()
            raise EndpointConnectionError(endpoint_url="https://monitoring")

    run(Refusing(), "c", Probe(cluster.url, cluster.url, GIVEN), stop)
    assert "CloudWatch took no metrics" in caplog.text


def test_only_one_process_publishes_for_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch.tempfile, "gettempdir", lambda: str(tmp_path))
    with only_one("a") as first, only_one("a") as second, only_one("b") as other:
        assert (first, second, other) == (True, False, True)
    with only_one("a") as again:
        assert again


def test_the_token_file_is_the_nodes_own_and_is_replaced_whole(
    aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="mmpipe-prod/ray-token", SecretString="first\n")
    file = tmp_path / "home" / "ray-token"
    assert node_secrets.main([str(file), "mmpipe-prod/ray-token"]) == 0
    assert file.read_text() == "first"
    client.put_secret_value(SecretId="mmpipe-prod/ray-token", SecretString="second")
    assert node_secrets.main([str(file), "mmpipe-prod/ray-token"]) == 0
    assert (file.read_text(), oct(file.stat().st_mode & 0o777)) == ("second", "0o600")
    assert [path.name for path in file.parent.iterdir()] == ["ray-token"]
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    token = NodeToken()
    assert token.value() == "second"
    assert not token.renewed("second")
    client.put_secret_value(SecretId="mmpipe-prod/ray-token", SecretString="third")
    assert node_secrets.main([str(file), "mmpipe-prod/ray-token"]) == 0
    assert token.renewed("second"), "Ray was started again with another one"
    file.unlink()
    with pytest.raises(DispatchUnavailable, match="RAY_AUTH_TOKEN_PATH"):
        token.value()


def test_a_secret_that_cannot_be_read_leaves_the_old_token(
    aws: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ray-token"
    file.write_text("old")
    assert node_secrets.main([str(file), "mmpipe-prod/none"]) == 1
    assert file.read_text() == "old"
    assert "mmpipe-prod/none" in capsys.readouterr().err
