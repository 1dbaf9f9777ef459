"""One emulated AWS account on loopback; every other way off this machine is shut, and watched."""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from mmpipe.local.cloud import client_environment
from mmpipe.local.processes import Child
from tests.infra.offline.sitecustomize import LEAVING, watch
from tests.infra.terraform import ROOT

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
START_SECONDS = 90.0
OFFLINE = ROOT / "tests" / "infra" / "offline"


class ClosedDoor:
    """A proxy that lets nothing through and remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Refuse(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                asked.append(self.rfile.readline(4_096).decode(errors="replace").strip())
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """What sends every client but those of loopback here."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
        return {**proxies, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@dataclass
class Account:
    """Where it listens, and clients for it. ``closed`` has seen what was meant for another host and minds
    proxies, ``leaving`` holds what Python's own sockets would have sent there."""

    url: str
    closed: ClosedDoor
    leaving: Path
    environment: dict[str, str]
    log_tail: Callable[[], str]
    """The end of the emulator's log: its own errors, and calls that a client had to repeat."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _session: Any = field(
        default_factory=lambda: boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        ),
        repr=False,
    )

    def sent_away(self) -> list[str]:
        """Every attempt to reach another machine so far; none came through."""
        direct = self.leaving.read_text().splitlines() if self.leaving.exists() else []
        return [*self.closed.asked, *direct]

    def client(self, service: str) -> Any:
        """A boto3 client; addressed by the host, so that it needs no name resolution."""
        if service not in self._clients:  # each takes a while to make
            config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"max_attempts": 3})
            self._clients[service] = self._session.client(service, endpoint_url=self.url, config=config)
        return self._clients[service]


@contextmanager
def running_account(folder: Path) -> Iterator[Account]:
    """Start an account; it is gone, with all its resources, at the end."""
    closed = ClosedDoor()
    leaving = folder / "leaving"
    shut = {**client_environment(), **closed.environment, "PYTHONPATH": str(OFFLINE), LEAVING: str(leaving)}
    environment = {
        **os.environ,
        **shut,
        "PYTHONPATH": os.pathsep.join((str(OFFLINE), str(ROOT))),
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "MOTO_ACCOUNT_ID": ACCOUNT_ID,
    }
    child = Child("tests.infra.aws_emulator", [], environment, folder / "account.log")
    try:
        url = child.wait_ready(START_SECONDS)["url"]
        let_be = watch(str(leaving))
        try:
            yield Account(url, closed, leaving, {**shut, "AWS_ENDPOINT_URL": url}, child.tail)
        finally:
            let_be()
    finally:
        child.stop(10)
        closed.close()


def inventory(account: Account) -> dict[str, set[str]]:
    """Everything in the account that one of our modules could have made, by kind."""
    return {kind: set(names) for kind, names in _listings(account)}


def _listings(account: Account) -> Iterator[tuple[str, list[str]]]:
    for kind, (service, operation, path) in _LISTINGS.items():
        yield kind, _names(account.client(service), operation, path)
    ec2, kms, events = account.client("ec2"), account.client("kms"), account.client("scheduler")
    reservations = ec2.describe_instances()["Reservations"]
    instances = [one for reservation in reservations for one in reservation["Instances"]]
    yield "instance", [one["InstanceId"] for one in instances if one["State"]["Name"] != "terminated"]
    gateways = ec2.describe_nat_gateways()["NatGateways"]
    yield "nat gateway", [one["NatGatewayId"] for one in gateways if one["State"] != "deleted"]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    yield "vpc endpoint", [one["VpcEndpointId"] for one in endpoints if one["State"].lower() != "deleted"]
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    yield "kms key", [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion"]
    aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]
    yield "alias", [name for name in aliases if not name.startswith("alias/aws/")]
    parameters = _names(account.client("ssm"), "describe_parameters", "Parameters.Name")
    yield "parameter", [name for name in parameters if not name.startswith("/aws/service/")]
    yield "schedule", [one["Name"] for one in events.list_schedules()["Schedules"]]
    policies = account.client("iam").list_policies(Scope="Local")["Policies"]
    yield "iam policy", [policy["Arn"] for policy in policies]
    budgets = account.client("budgets").describe_budgets(AccountId=ACCOUNT_ID).get("Budgets", [])
    yield "budget", [budget["BudgetName"] for budget in budgets]


_LISTINGS: dict[str, tuple[str, str, str]] = {
    "alarm": ("cloudwatch", "describe_alarms", "MetricAlarms.AlarmName"),
    "address": ("ec2", "describe_addresses", "Addresses.AllocationId"),
    "bucket": ("s3", "list_buckets", "Buckets.Name"),
    "dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries.DashboardName"),
    "event source mapping": ("lambda", "list_event_source_mappings", "EventSourceMappings.UUID"),
    "function": ("lambda", "list_functions", "Functions.FunctionName"),
    "hosted zone": ("route53", "list_hosted_zones", "HostedZones.Name"),
    "instance profile": ("iam", "list_instance_profiles", "InstanceProfiles.InstanceProfileName"),
    "internet gateway": ("ec2", "describe_internet_gateways", "InternetGateways.InternetGatewayId"),
    "key pair": ("ec2", "describe_key_pairs", "KeyPairs.KeyName"),
    "launch template": ("ec2", "describe_launch_templates", "LaunchTemplates.LaunchTemplateName"),
    "load balancer": ("elbv2", "describe_load_balancers", "LoadBalancers.LoadBalancerName"),
    "log group": ("logs", "describe_log_groups", "logGroups.logGroupName"),
    "metric filter": ("logs", "describe_metric_filters", "metricFilters.filterName"),
    "queue": ("sqs", "list_queues", "QueueUrls"),
    "repository": ("ecr", "describe_repositories", "repositories.repositoryName"),
    "role": ("iam", "list_roles", "Roles.RoleName"),
    "route table": ("ec2", "describe_route_tables", "RouteTables.RouteTableId"),
    "schedule group": ("scheduler", "list_schedule_groups", "ScheduleGroups.Name"),
    "secret": ("secretsmanager", "list_secrets", "SecretList.Name"),
    "security group": ("ec2", "describe_security_groups", "SecurityGroups.GroupId"),
    "subnet": ("ec2", "describe_subnets", "Subnets.SubnetId"),
    "target group": ("elbv2", "describe_target_groups", "TargetGroups.TargetGroupName"),
    "topic": ("sns", "list_topics", "Topics.TopicArn"),
    "vpc": ("ec2", "describe_vpcs", "Vpcs.VpcId"),
}


def _names(client: Any, operation: str, path: str) -> list[str]:
    call: Callable[..., Any] = getattr(client, operation)
    pages = client.get_paginator(operation).paginate() if client.can_paginate(operation) else [call()]
    list_name, _, field_name = path.partition(".")
    found = [entry for page in pages for entry in page.get(list_name, [])]
    return [str(entry[field_name]) if field_name else str(entry) for entry in found]
