"""Logs and metrics as Lambda would collect them: what a process of its own writes to standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TOKEN = "hunter2-and-more"
PROGRAM = """
import sys
from pathlib import Path
from handlers import catalogue_uploaded, maintenance_due

class Context:
    function_name = "mmpipe-test-catalogue-uploaded"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:x"
    def __init__(self, number):
        self.aws_request_id = f"request-{number}"

def message(name, body):
    attributes = {"ApproximateReceiveCount": "1"}
    return {"messageId": name, "receiptHandle": name, "body": body, "attributes": attributes}

upload = Path("tests/events/s3_product_put.json").read_text()
for number in (1, 2):
    records = [message("a", upload), message("b", "poison")]
    context = Context(number) if sys.argv[1] == "lambda" else None
    answer = catalogue_uploaded.handler({"Records": records}, context)
    assert len(answer["batchItemFailures"]) == 2, answer
"""


def run(where: str, **environment: str) -> list[dict[str, Any]]:
    """What two invocations write, line by line; nobody listens at the indexer's address."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where],
        cwd=ROOT,
        env={
            "PATH": "",
            "MMPIPE_DISPATCH__INDEXER_URL": "http://127.0.0.1:9",
            "MMPIPE_DISPATCH__TOKEN": TOKEN,
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert TOKEN not in done.stdout + done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_lambda() -> list[dict[str, Any]]:
    return run(
        "lambda",
        AWS_LAMBDA_FUNCTION_NAME="mmpipe-test-catalogue-uploaded",
        POWERTOOLS_METRICS_NAMESPACE="mmpipe-dev",
        POWERTOOLS_SERVICE_NAME="mmpipe-test-catalogue-uploaded",
    )


def test_every_line_says_which_invocation_it_belongs_to() -> None:
    lines = [line for line in in_lambda() if "_aws" not in line]
    messages = [(line["level"], line["name"], line["message"]) for line in lines]
    each = [
        ("WARNING", "mmpipe.dispatch.indexer", "indexer unavailable"),
        ("WARNING", "mmpipe.handlers.catalogue_uploaded", "work retry"),
        ("ERROR", "mmpipe.handlers.catalogue_uploaded", "message refused"),
    ]
    assert messages == each * 2
    assert [line["function_request_id"] for line in lines] == ["request-1"] * 3 + ["request-2"] * 3
    assert [line["cold_start"] for line in lines] == [True] * 3 + [False] * 3
    assert {line["service"] for line in lines} == {"mmpipe-test-catalogue-uploaded"}
    assert [line.get("message_id") for line in lines[:3]] == [None, "a", "b"]
    assert "not JSON" in lines[2]["reason"]


def test_metrics_are_one_line_an_invocation() -> None:
    first, second = [line for line in in_lambda() if "_aws" in line]
    names = {"Messages": [2.0], "MessagesRefused": [1.0], "Orders": [1.0], "OrdersRetry": [1.0]}
    for line in (first, second):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("mmpipe-dev", [["service"]])
        assert {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]} == names
        assert line["service"] == "mmpipe-test-catalogue-uploaded"


def test_outside_lambda_there_are_logs_and_no_metrics() -> None:
    lines = run("elsewhere", POWERTOOLS_METRICS_NAMESPACE="mmpipe")
    assert [line["message"] for line in lines] == ["indexer unavailable", "work retry", "message refused"] * 2


def test_a_queue_that_cannot_be_told_is_a_line_and_the_answer_stays_what_it_is() -> None:
    lines = run(
        "elsewhere",
        MMPIPE_DISPATCH__QUEUE_URL="http://127.0.0.1:9/111122223333/uploads",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    assert [line["message"] for line in lines[3::4]] == [
        "messages stay hidden for the queue's own timeout"
    ] * 2
    assert "127.0.0.1:9" in lines[3]["reason"]
