"""``infra/envs/dev`` for real, in an emulated account: apply, plan again, the policies, uploads, destroy.

One apply serves the whole file, and its tests run in the order in which they stand here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from mmpipe.cli import app
from mmpipe.local.pump import EventPump, PumpSettings
from tests.infra import terraform
from tests.infra.account import ACCOUNT_ID, inventory
from tests.infra.deployment import APPLY_SECONDS, Cluster, Deployment, cluster, deployment
from tests.infra.differences import EMULATOR_ONLY, explain
from tests.infra.lambda_process import LambdaFailed
from tests.infra.policies import (
    Principal,
    allowed_actions,
    as_list,
    assert_handler_handles_its_own_queue_only,
    read_roles,
    statements_of,
)

# The apply is the first test's setup; each waits for the emulator for up to a minute or two.
pytestmark = pytest.mark.timeout(1200)

SHOP = "alba"
POISON = "this is no notification"
DUE = "2026-03-01T03:15:00Z"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    terraform.require()
    with (
        deployment(tmp_path_factory.mktemp("deployed")) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in made.account.environment.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def roles(deployed: Deployment) -> dict[str, Principal]:
    return read_roles(deployed.client("iam"))


@pytest.fixture(scope="module")
def ray(deployed: Deployment) -> Iterator[Cluster]:
    with cluster(deployed) as running:
        yield running


def test_it_applies_and_says_where_everything_is(deployed: Deployment) -> None:
    outputs = deployed.outputs
    assert outputs["lake_uri"].startswith(f"s3://{outputs['lake_bucket']}")
    made = inventory(deployed.account)
    assert {outputs["catalogue_bucket"], outputs["lake_bucket"]} <= made["bucket"]
    assert {outputs["queue_url"], outputs["dlq_url"]} <= made["queue"]
    assert made["function"] == {outputs["function_name"], f"{outputs['name']}-maintenance-due"}
    for kind in ("alarm", "budget", "dashboard", "load balancer", "repository", "schedule", "topic"):
        assert made[kind] - deployed.before[kind], f"no {kind} was made"


def test_a_second_plan_changes_nothing_but_what_is_the_emulators(deployed: Deployment) -> None:
    _, plan = deployed.workspace.plan(timeout=APPLY_SECONDS)
    unexpected, seen = explain(plan)
    assert unexpected == []
    stale = [(one.address, one.attribute) for one in EMULATOR_ONLY if one not in seen]
    assert stale == [], "the emulator has learned this: take it from the list"


# --- who may do what --------------------------------------------------------------------------------------


def test_every_role_is_for_one_service_and_named_for_us(
    roles: dict[str, Principal], deployed: Deployment
) -> None:
    name = deployed.outputs["name"]
    services = {
        role: [principal for s in found.trust for principal in as_list(s["Principal"]["Service"])]
        for role, found in roles.items()
    }
    assert services == {
        f"{name}-catalogue-uploaded-function": ["lambda.amazonaws.com"],
        f"{name}-maintenance-due-function": ["lambda.amazonaws.com"],
        f"{name}-ray-head": ["ec2.amazonaws.com"],
        f"{name}-ray-worker": ["ec2.amazonaws.com"],
        f"{name}-scheduler": ["scheduler.amazonaws.com"],
    }
    for role in roles.values():
        assert all(set(s["Principal"]) == {"Service"} for s in role.trust)


def test_nobody_may_do_everything(roles: dict[str, Principal]) -> None:
    for role in roles.values():
        for action, _ in allowed_actions(role.statements):
            service, _, call = action.partition(":")
            assert call not in ("", "*"), f"{role.name} may do {action}"
            assert "*" not in service
            assert service != "iam" or call in ("passrole", "createservicelinkedrole"), (
                f"{role.name}: {action}"
            )
        for call in ("iam:CreateUser", "iam:AttachRolePolicy", "sts:AssumeRole", "kms:ScheduleKeyDeletion"):
            assert not role.may(call, "*")
            assert not role.may(call, f"arn:aws:iam::{ACCOUNT_ID}:role/{role.name}")


def test_only_the_head_passes_a_role_and_only_the_workers_to_ec2(
    roles: dict[str, Principal], deployed: Deployment
) -> None:
    name = deployed.outputs["name"]
    passing = {
        role.name: (as_list(statement["Resource"]), statement["Condition"])
        for role in roles.values()
        for action, statement in allowed_actions(role.statements)
        if action == "iam:passrole"
    }
    only_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    assert passing == {f"{name}-ray-head": ([roles[f"{name}-ray-worker"].arn], only_ec2)}
    head, worker = roles[f"{name}-ray-head"], roles[f"{name}-ray-worker"]
    assert head.may("iam:PassRole", worker.arn, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert not head.may("iam:PassRole", worker.arn, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not head.may("iam:PassRole", head.arn)


def test_a_worker_adds_to_tables_and_deletes_nothing(
    roles: dict[str, Principal], deployed: Deployment
) -> None:
    outputs = deployed.outputs
    worker, head = roles[f"{outputs['name']}-ray-worker"], roles[f"{outputs['name']}-ray-head"]
    lake, uploads = f"arn:aws:s3:::{outputs['lake_bucket']}", f"arn:aws:s3:::{outputs['catalogue_bucket']}"
    fragment = f"{lake}/lake/alba/products_fake_0.lance/data/1.lance"
    assert worker.may("s3:GetObject", f"{uploads}/alba/feeds/a.csv")
    assert worker.may("s3:GetObject", fragment)
    assert worker.may("s3:PutObject", fragment)
    everything = (fragment, f"{lake}/lake/alba/live.json", f"{uploads}/alba/feeds/a.csv")
    for address in everything:
        assert not worker.may("s3:DeleteObject", address)
        assert not worker.may("s3:DeleteObjectVersion", address)
        assert not head.may("s3:DeleteObjectVersion", address)
    assert not worker.may("s3:PutObject", f"{lake}/lake/alba/live.json")
    assert not worker.may("s3:PutObject", f"{uploads}/alba/feeds/a.csv")
    for bucket in (lake, uploads):
        for call in ("s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"):
            assert not worker.may(call, bucket)
            assert not head.may(call, bucket)
    assert head.may("s3:DeleteObject", fragment)  # clean-up of old versions
    assert not head.may("s3:DeleteObject", f"{uploads}/alba/feeds/a.csv")
    assert not worker.may("ec2:RunInstances", "*")
    assert worker.may("secretsmanager:GetSecretValue", outputs["ray_token_secret_arn"])
    for secret in ("indexer_token_secret_arn", "pseudonym_key_secret_arn", "api_keys_secret_arn"):
        assert not worker.may("secretsmanager:GetSecretValue", outputs[secret])


def test_a_handler_reads_its_queue_and_its_tokens_and_no_object(
    roles: dict[str, Principal], deployed: Deployment
) -> None:
    outputs = deployed.outputs
    uploaded = roles[f"{outputs['name']}-catalogue-uploaded-function"]
    due = roles[f"{outputs['name']}-maintenance-due-function"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:{outputs['queue_url'].rpartition('/')[2]}"
    for handler in (uploaded, due):
        for bucket in ("catalogue_bucket", "lake_bucket"):
            arn = f"arn:aws:s3:::{outputs[bucket]}"
            for call in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"):
                assert not handler.may(call, f"{arn}/alba/media/a.jpg")
            assert not handler.may("s3:ListBucket", arn)
        assert handler.may("secretsmanager:GetSecretValue", outputs["ray_token_secret_arn"])
        for secret in ("pseudonym_key_secret_arn", "api_keys_secret_arn"):
            assert not handler.may("secretsmanager:GetSecretValue", outputs[secret])
        assert not handler.may("lambda:UpdateFunctionCode", "*")
    assert uploaded.may("secretsmanager:GetSecretValue", outputs["indexer_token_secret_arn"])
    assert not due.may("secretsmanager:GetSecretValue", outputs["indexer_token_secret_arn"])
    assert_handler_handles_its_own_queue_only(uploaded, queue=queue, others=[f"{queue}-dlq"])
    for call in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert not due.may(call, queue)


@pytest.mark.parametrize("output", ["catalogue_bucket", "lake_bucket"])
def test_buckets_are_private_encrypted_and_versioned(output: str, deployed: Deployment) -> None:
    s3, bucket = deployed.client("s3"), deployed.outputs[output]
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert list(blocked.values()) == [True] * 4
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == (
        "aws:kms",
        deployed.outputs["kms_key_arn"],
    )
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    policy = statements_of(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert [s["Effect"] for s in policy] == ["Deny"] * len(policy)  # nobody is let in by the bucket itself
    s3.put_object(Bucket=bucket, Key="probe", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="probe")
    assert head["ServerSideEncryption"] == "aws:kms"
    s3.delete_object(Bucket=bucket, Key="probe")


def test_queues_are_encrypted_and_take_messages_of_the_bucket_only(deployed: Deployment) -> None:
    sqs, outputs = deployed.client("sqs"), deployed.outputs
    for url in (outputs["queue_url"], outputs["dlq_url"]):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert found["KmsMasterKeyId"] == outputs["kms_key_arn"]
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["queue_url"], AttributeNames=["All"])["Attributes"]
    (statement,) = [s for s in statements_of(attributes["Policy"]) if s["Effect"] == "Allow"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"] == {
        "aws:SourceArn": f"arn:aws:s3:::{outputs['catalogue_bucket']}"
    }
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(outputs["dlq_url"].rpartition("/")[2])
    assert int(attributes["VisibilityTimeout"]) >= 6 * deployed.function(outputs["function_name"])["Timeout"]


def test_functions_are_the_built_zip_and_hold_no_secret(deployed: Deployment) -> None:
    for name in sorted(inventory(deployed.account)["function"]):
        found = deployed.function(name)
        assert (found["Runtime"], found["Handler"].split(".")[0]) == ("python3.11", "handlers")
        assert found["VpcConfig"]["SubnetIds"]
        variables = found["Environment"]["Variables"]
        for output in ("ray_token_secret_arn", "indexer_token_secret_arn"):
            assert deployed.secret(output) not in json.dumps(variables)
    (mapping,) = deployed.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"].endswith(deployed.outputs["queue_url"].rpartition("/")[2])


# --- the wiring, used -------------------------------------------------------------------------------------


def put_product(deployed: Deployment, product: str, title: str) -> None:
    deployed.client("s3").put_object(
        Bucket=deployed.outputs["catalogue_bucket"],
        Key=f"{SHOP}/products/{product}.json",
        Body=json.dumps({"id": product, "title": title, "price": "9.90 USD"}).encode(),
    )


def drain(deployed: Deployment, handler: Any, seconds: float = 120, *, hurry: bool = False) -> None:
    """Let the queue's messages reach ``handler`` until none is left: done, or dead letters.

    ``hurry``: the hour that a message is tried for passes at once.
    """
    sqs, queue = deployed.client("sqs"), deployed.outputs["queue_url"]

    def invoke(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
        answer: dict[str, list[dict[str, str]]] = handler.invoke(event)
        back = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for record in event["Records"]:
            if hurry and record["messageId"] in back:
                handle = record["receiptHandle"]
                sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
        return answer

    pump = EventPump(lambda: deployed.client("sqs"), queue, invoke, PumpSettings(concurrency=1))
    pump.start()
    try:
        assert pump.wait_drained(seconds), "the queue did not drain"
    finally:
        pump.stop()


def dlq(deployed: Deployment, *words: str) -> Any:
    """``mmpipe dlq …`` with the addresses that Terraform prints."""
    command = ["dlq", *words, "--dlq-url", deployed.outputs["dlq_url"], "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def uploads_function(deployed: Deployment, ray: Cluster) -> Any:
    """The uploads' handler; the head's address inside the VPC is replaced by this machine's."""
    return deployed.lambda_process(
        deployed.outputs["function_name"],
        MMPIPE_DISPATCH__INDEXER_URL=ray.url,
        MMPIPE_DISPATCH__JOBS_URL=ray.jobs_url,
    )


def test_an_upload_becomes_searchable(deployed: Deployment, ray: Cluster) -> None:
    variables = deployed.function(deployed.outputs["function_name"])["Environment"]["Variables"]
    assert variables["MMPIPE_DISPATCH__INDEXER_URL"] == deployed.outputs["indexer_url"]
    put_product(deployed, "d1", "Red summer dress")
    with uploads_function(deployed, ray) as handler:
        assert handler.foreign == []
        drain(deployed, handler)
        assert ray.found(SHOP, "red summer dress", "d1"), handler.log()
        put_product(deployed, "d2", "Blue evening dress")
        drain(deployed, handler)
        assert ray.found(SHOP, "blue evening dress", "d2"), handler.log()
        token = deployed.secret("indexer_token_secret_arn")
        assert token not in handler.log()
    assert dlq(deployed, "list") == []


def test_dead_letters_are_listed_and_come_back(deployed: Deployment, ray: Cluster) -> None:
    outputs = deployed.outputs
    deployed.client("sqs").send_message(QueueUrl=outputs["queue_url"], MessageBody=POISON)
    put_product(deployed, "d3", "Green winter coat")
    # Nobody listens at the indexer's address in the VPC; here, at a port of this machine that is closed.
    name = outputs["function_name"]
    with deployed.lambda_process(name, MMPIPE_DISPATCH__INDEXER_URL="http://127.0.0.1:9") as handler:
        drain(deployed, handler, hurry=True)
    letters = dlq(deployed, "list")
    assert len(letters) == 2
    (upload,) = [letter for letter in letters if not letter["unreadable"]]
    (poison,) = [letter for letter in letters if letter["unreadable"]]
    assert upload["events"] == [
        {
            "event": "product_uploaded",
            "collection": SHOP,
            "uri": f"s3://{outputs['catalogue_bucket']}/{SHOP}/products/d3.json",
            "etag": upload["events"][0]["etag"],
            "event_time": upload["events"][0]["event_time"],
        }
    ]
    assert "not JSON" in poison["unreadable"]
    assert ray.search(SHOP, "green winter coat")[:1] != ["d3"]

    report = dlq(deployed, "replay", "--all")
    assert sorted(report["replayed"]) == sorted(letter["message_id"] for letter in letters)
    assert report["queue"] == outputs["queue_url"]
    with uploads_function(deployed, ray) as handler:
        drain(deployed, handler)
        assert ray.found(SHOP, "green winter coat", "d3"), handler.log()
    assert [letter["body"] for letter in dlq(deployed, "list")] == [POISON]


def test_a_rotated_token_is_picked_up(deployed: Deployment, ray: Cluster) -> None:
    """The function still holds a token that is none any more when the secret has the right one again."""
    arn, right = deployed.outputs["indexer_token_secret_arn"], deployed.secret("indexer_token_secret_arn")
    manager = deployed.client("secretsmanager")
    manager.put_secret_value(SecretId=arn, SecretString="not-the-indexers")
    try:
        put_product(deployed, "d4", "Yellow rain hat")
        with uploads_function(deployed, ray) as handler:
            record = {
                "messageId": "m",
                "receiptHandle": "none",
                "body": notification(deployed),
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            event = {"Records": [record]}
            assert handler.invoke(event)["batchItemFailures"] == [{"itemIdentifier": "m"}]
            assert "HTTP 401" in handler.log()
            manager.put_secret_value(SecretId=arn, SecretString=right)
            # A secret that was read a moment ago is not read again: the message comes back for it.
            drain(deployed, handler)
            assert ray.found(SHOP, "yellow rain hat", "d4"), handler.log()
    finally:
        manager.put_secret_value(SecretId=arn, SecretString=right)


def notification(deployed: Deployment) -> str:
    """A notification of that upload, as S3 sends it."""
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-03-01T00:00:00.000Z",
        "s3": {
            "bucket": {"name": deployed.outputs["catalogue_bucket"]},
            "object": {"key": f"{SHOP}/products/d4.json", "size": 1, "eTag": "e", "sequencer": "0A"},
        },
    }
    return json.dumps({"Records": [record]})


def test_a_due_schedule_becomes_one_job_that_maintains_the_lake(deployed: Deployment, ray: Cluster) -> None:
    name = deployed.outputs["name"]
    scheduler = deployed.client("scheduler")
    schedule = scheduler.get_schedule(Name=f"{name}-maintain", GroupName=name)
    function = f"{name}-maintenance-due"
    assert schedule["Target"]["Arn"].endswith(f":function:{function}")
    event = json.loads(schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", DUE))
    assert event == {"task": "maintain", "time": DUE}
    with deployed.lambda_process(function, MMPIPE_DISPATCH__JOBS_URL=ray.jobs_url) as handler:
        first, again = handler.invoke(event), handler.invoke(event)
        assert (first["status"], again["status"], again["job"]) == ("accepted", "duplicate", first["job"])
        job = ray.job(first["job"])
        output = ray.job_output(first["job"])
        assert job["status"] == "SUCCEEDED", output
        done = [json.loads(line) for line in output.splitlines() if line.startswith('{"collection"')]
        assert [line["collection"] for line in done] == [SHOP]
        assert "error" not in done[0]
        with pytest.raises(LambdaFailed, match="mend the schedule's input"):
            handler.invoke({"task": "maintain"})


def test_the_retraining_schedule_names_its_catalogue(deployed: Deployment) -> None:
    name = deployed.outputs["name"]
    schedule = deployed.client("scheduler").get_schedule(Name=f"{name}-retrain", GroupName=name)
    event = json.loads(schedule["Target"]["Input"])
    assert event == {
        "task": "retrain",
        "time": "<aws.scheduler.scheduled-time>",
        "catalogue": "s3://a-bucket/shop/feeds/products.jsonl",
    }


# --- the end ----------------------------------------------------------------------------------------------


def test_destroy_leaves_nothing(deployed: Deployment) -> None:
    deployed.workspace.destroy(timeout=APPLY_SECONDS)
    after = inventory(deployed.account)
    assert {
        kind: after[kind] - deployed.before[kind] for kind in after if after[kind] != deployed.before[kind]
    } == {}


def test_nothing_was_sent_off_this_machine(deployed: Deployment) -> None:
    assert deployed.account.sent_away() == []
