"""ray_cluster.yaml: what Ray, botocore and EC2 (moto's) make of it."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.session import get_session
from botocore.validate import ParamValidator

from mmpipe.serve.ray.run import environment as serve_environment
from tests.infra.terraform import INFRA, ROOT

NAME = "mmpipe-prod"
REGION = "eu-central-1"
_ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:{NAME}"
OUTPUTS: dict[str, Any] = {
    "name": NAME,
    "region": REGION,
    "repository_url": f"123456789012.dkr.ecr.{REGION}.amazonaws.com/{NAME}",
    "lake_uri": f"s3://{NAME}-lake/lake",
    "catalogue_bucket": f"{NAME}-catalogue",
    "private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "ray_log_group": f"/{NAME}/ray",
    "head_launch_template": f"{NAME}-ray-head",
    "worker_launch_template": f"{NAME}-ray-worker",
    "ray_token_secret_arn": f"{_ARN}/ray-token-AbCdEf",
    "indexer_token_secret_arn": f"{_ARN}/indexer-token-AbCdEf",
    "pseudonym_key_secret_arn": f"{_ARN}/pseudonym-key-AbCdEf",
    "api_keys_secret_arn": f"{_ARN}/api-keys-AbCdEf",
}


def cluster_config(folder: Path, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
    """infra/cluster_config.py with these outputs."""
    outputs = {name: {"value": value} for name, value in (OUTPUTS | changes).items() if value is not None}
    file = folder / "outputs.json"
    file.write_text(json.dumps(outputs))
    command = [sys.executable, "infra/cluster_config.py", "--outputs", str(file), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def made(folder: Path, *arguments: str, **changes: Any) -> dict[str, Any]:
    """The document that it prints."""
    done = cluster_config(folder, "--image-tag", "0.1.0", *arguments, **changes)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = yaml.safe_load(done.stdout)
    return document


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return made(tmp_path_factory.mktemp("cluster"))


def _environment(cluster: dict[str, Any]) -> dict[str, str]:
    options = [option for option in cluster["docker"]["run_options"] if option.startswith("-e ")]
    return dict(option.removeprefix("-e ").split("=", 1) for option in options)


def test_ray_takes_it(cluster: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(copy.deepcopy(cluster))
    validate_config(prepared)
    assert prepared["setup_commands"] == prepared["worker_setup_commands"] == []
    assert "pip install" not in json.dumps(prepared)


def test_ray_takes_the_template_as_it_is() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    template = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))
    validate_config(prepare_config(template))


def test_ec2_knows_every_key_of_every_node(cluster: dict[str, Any]) -> None:
    shape = get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    for kind, node_type in cluster["available_node_types"].items():
        config = dict(node_type["node_config"])
        subnets = config.pop("SubnetIds", ["of the launch template"])
        assert subnets
        report = ParamValidator().validate({**config, "MinCount": 1, "MaxCount": 1}, shape)
        assert not report.has_errors(), f"{kind}: {report.generate_report()}"


def test_the_check_of_keys_can_fail() -> None:
    shape = get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    wrong = {"MinCount": 1, "MaxCount": 1, "MetadataOptions": {"HttpToken": "required"}}
    assert ParamValidator().validate(wrong, shape).has_errors()


def test_workers_go_to_zero_and_the_head_stays(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    head = types.pop(cluster["head_node_type"])
    try:
        assert "InstanceMarketOptions" not in head["node_config"], "a head on spot can vanish"
        assert {kind: t.get("min_workers") for kind, t in types.items()} == dict.fromkeys(types, 0)
        assert cluster["idle_timeout_minutes"] <= 10
        assert sum(t["max_workers"] for t in types.values()) <= cluster["max_workers"]
        spot = {kind for kind, t in types.items() if "InstanceMarketOptions" in t["node_config"]}
        assert spot == {"cpu-spot", "gpu-spot"}
    finally:
        types[cluster["head_node_type"]] = head


def test_nothing_is_open(cluster: dict[str, Any]) -> None:
    assert cluster["provider"]["use_internal_ips"] is True
    assert cluster["provider"]["cache_stopped_nodes"] is False
    assert "security_group" not in cluster["provider"], "Terraform makes the groups"
    for node_type in cluster["available_node_types"].values():
        options = node_type["node_config"]["MetadataOptions"]
        assert options == {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert cluster["auth"]["ssh_proxy_use_node_id"] is True


def test_the_token_is_asked_for_and_stands_nowhere(cluster: dict[str, Any]) -> None:
    environment = _environment(cluster)
    assert environment["RAY_AUTH_MODE"] == "token"
    file = environment["RAY_AUTH_TOKEN_PATH"]
    fetch = f"python -m mmpipe.serve.ray.node_secrets {file} {OUTPUTS['ray_token_secret_arn']}"
    for commands in (cluster["head_start_ray_commands"], cluster["worker_start_ray_commands"]):
        starts = [n for n, command in enumerate(commands) if "ray start" in command]
        assert starts
        assert commands.index(fetch) < starts[0]
    assert environment["MMPIPE_SERVE__API_KEYS_SECRET"] == OUTPUTS["api_keys_secret_arn"]
    assert environment["MMPIPE_INTERACTIONS__KEY_SECRET"] == OUTPUTS["pseudonym_key_secret_arn"]
    secret = re.compile(r"(TOKEN|SECRET|PASSWORD|KEYS?)(?!_PATH)[A-Z_]*$")
    holding = {n: v for n, v in environment.items() if secret.search(n) and not v.startswith("arn:aws:")}
    assert holding == {}


def test_serve_starts_with_the_projects_config_and_haproxy(cluster: dict[str, Any]) -> None:
    environment = _environment(cluster)
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == environment["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert "serve deploy /opt/mmpipe/serve.yaml" in cluster["head_start_ray_commands"]
    dockerfile = (ROOT / "infra" / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert "infra/serve.yaml /opt/mmpipe/serve.yaml" in dockerfile


def test_the_proxy_and_the_load_balancer_cut_what_is_slow(cluster: dict[str, Any]) -> None:
    environment = _environment(cluster)
    dockerfile = (ROOT / "infra" / "image" / "Dockerfile").read_text(encoding="utf-8")
    names = {
        "RAY_SERVE_HAPROXY_METRICS_ENABLED",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S",
    }
    ours = {n: v for n, v in serve_environment(Path()).items() if n in names}
    bounds = {**ours, "RAY_SERVE_HAPROXY_BINARY_PATH": "/opt/mmpipe/haproxy"}
    assert len(bounds) == 4
    assert bounds.items() <= environment.items()
    assert all(f"{name}={value}" in dockerfile for name, value in bounds.items())
    assert "haproxy import install; assert install('/opt/mmpipe')" in dockerfile
    # The load balancer's address and, before it, the caller's: both are appended.
    assert environment["MMPIPE_SERVE__FORWARDED_HOPS"] == "2"
    balancer = (ROOT / "infra" / "modules" / "serving" / "main.tf").read_text(encoding="utf-8")
    assert "idle_timeout               = var.idle_timeout_seconds" in balancer
    assert 'desync_mitigation_mode     = "strictest"' in balancer


def test_ray_reports_its_use_to_nobody(cluster: dict[str, Any]) -> None:
    environment = _environment(cluster)
    dockerfile = (ROOT / "infra" / "image" / "Dockerfile").read_text(encoding="utf-8")
    ours = {n: v for n, v in serve_environment(Path()).items() if n.startswith("RAY_USAGE_STATS_")}
    assert ours
    assert ours.items() <= environment.items()
    assert all(f"{name}={value}" in dockerfile for name, value in ours.items())


def test_jobs_and_replicas_are_logged_to_the_clusters_group(cluster: dict[str, Any]) -> None:
    (written,) = (c for c in cluster["initialization_commands"] if "collect_list" in c)
    config = json.loads(written.split("'")[1])
    files = config["logs"]["logs_collected"]["files"]["collect_list"]
    assert {entry["log_group_name"] for entry in files} == {OUTPUTS["ray_log_group"]}
    # The folder that the agent reads on the host is the one that Ray writes in the container.
    assert "-v /tmp/ray:/tmp/ray" in cluster["docker"]["run_options"]
    logs = "/tmp/ray/session_latest/logs/"
    assert all(entry["file_path"].startswith(logs) for entry in files)
    # Jobs and replicas log JSON lines to these.
    assert {"job-driver-*.log", "worker-*.err"} <= {e["file_path"].removeprefix(logs) for e in files}
    assert all(entry["publish_multi_logs"] for entry in files), "or all files but the newest are left out"
    target = re.findall(r"tee (\S+)", written)[0]
    assert any(f"-c file:{target}" in command for command in cluster["initialization_commands"])


def test_every_setting_of_the_nodes_exists(cluster: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.settings import Settings, describe

    ours = {n: v for n, v in _environment(cluster).items() if n.startswith("MMPIPE_")}
    assert set(ours) <= {name for name, _, _ in describe(Settings)}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.serve.gpu, settings.indexing.gpus, settings.indexing.autoscaled) == ("off", 0, True)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_terraform_gives_every_value_that_is_asked_for(environment: str) -> None:
    asked = set(re.findall(r"\$\{([a-z_]+)\}", (ROOT / "ray_cluster.yaml").read_text(encoding="utf-8")))
    outputs = (INFRA / "envs" / environment / "outputs.tf").read_text(encoding="utf-8")
    given = set(re.findall(r'^output "([a-z_]+)"', outputs, re.MULTILINE))
    # The comment at the head of the file names the notation itself.
    assert asked - {"image_tag"} == set(OUTPUTS)
    assert set(OUTPUTS) <= given


def test_the_heads_role_may_launch_every_type_of_worker(cluster: dict[str, Any]) -> None:
    variables = (INFRA / "modules" / "ray" / "variables.tf").read_text(encoding="utf-8")
    block = variables.split('variable "worker_instance_types"')[1].split("\n}\n")[0]
    allowed = json.loads(re.findall(r"default\s*=\s*(\[[^]]*\])", block)[0])
    for kind, node_type in cluster["available_node_types"].items():
        wanted = node_type["node_config"]["InstanceType"]
        assert kind == "head" or any(fnmatch(wanted, pattern) for pattern in allowed), kind


def test_a_profile_with_gpus_is_two_arguments(tmp_path: Path) -> None:
    environment = _environment(made(tmp_path, "--profile", "siglip2", "--gpus", "2"))
    assert environment["MMPIPE_INDEXING__PROFILE"] == "siglip2"
    assert (environment["MMPIPE_SERVE__GPU"], environment["MMPIPE_INDEXING__GPUS"]) == ("on", "2")


@pytest.mark.parametrize(
    ("arguments", "changes", "named"),
    [
        (["--image-tag", "latest"], {}, "latest"),
        (["--image-tag", "a b"], {}, "a b"),
        (["--image-tag", "1"], {"lake_uri": None}, "lake_uri"),
        (["--image-tag", "1"], {"name": "x; reboot"}, "x; reboot"),
        (["--image-tag", "1"], {"private_subnet_ids": ["subnet-1", "$(reboot)"]}, "private_subnet_ids"),
        (["--image-tag", "1", "--profile", "x y"], {}, "--profile"),
    ],
)
def test_what_cannot_be_right_is_refused(
    tmp_path: Path, arguments: list[str], changes: dict[str, Any], named: str
) -> None:
    done = cluster_config(tmp_path, *arguments, **changes)
    assert done.returncode == 1
    assert named in done.stderr
    assert done.stdout == ""


def test_the_autoscaler_takes_spot_first_and_on_demand_where_spot_fails(cluster: dict[str, Any]) -> None:
    assert _launched(cluster, {"GPU": 1, "CPU": 0.5}) == {"gpu-spot": 1}
    failing = {"gpu-spot": 0.0}
    assert _launched(cluster, {"GPU": 1, "CPU": 0.5}, failing) == {"gpu-on-demand": 1}
    assert _launched(cluster, {"CPU": 3}) == {"cpu-spot": 1}, "more than the head has"


def test_a_large_feeds_workers_find_no_room_on_the_head(cluster: dict[str, Any]) -> None:
    from mmpipe.indexing.lanes.ray import pools
    from mmpipe.serve.ray import scaling
    from mmpipe.settings import IndexingSettings, Settings

    head = cluster["available_node_types"]["head"]["resources"]["CPU"]
    settings = Settings()
    serving = sum(
        options["ray_actor_options"]["num_cpus"]
        for options in (scaling.api(settings), scaling.indexer(settings))
    )
    worker = pools({"CPU": head}, head - serving, IndexingSettings(autoscaled=True, workers=6))
    assert serving + worker.reader_cpus <= head, "one replica, the indexer and a feed's reader run there"
    assert head - serving < worker.actor_cpus


def _launched(
    cluster: dict[str, Any], demand: dict[str, float], recoverable: dict[str, float] | None = None
) -> dict[str, int]:
    """What Ray's own scheduler launches for one actor that waits while no worker is there."""
    from ray.autoscaler._private.util import prepare_config
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil
    from ray.core.generated.autoscaler_pb2 import ResourceRequestByCount

    config = AutoscalingConfig(prepare_config(copy.deepcopy(cluster)), skip_content_hash=True)
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=cluster["max_workers"] + 1,
        resource_requests=[ResourceRequestByCount(request=ResourceRequestUtil.make(demand), count=1)],
        recoverable_resource_availabilities=recoverable or {},
    )
    reply = ResourceDemandScheduler(event_logger=None).schedule(request)
    return {launch.instance_type: launch.count for launch in reply.to_launch}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """moto's EC2 with what infra/modules/network and infra/modules/ray make; gives the outputs."""
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray writes the SSH key that it makes below it
    _forget_clients()
    with mock_aws():
        ec2 = boto3.client("ec2", region_name=REGION)
        vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.42.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for n, zone in enumerate("ab")
        ]
        ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
        group = ec2.create_security_group(GroupName=f"{NAME}-ray", Description="Ray", VpcId=vpc)["GroupId"]
        _launch_templates(ec2, ids[0], group)
        yield {"private_subnet_ids": ids, "group": group}
    _forget_clients()


def _forget_clients() -> None:
    from ray.autoscaler._private.aws import utils

    utils.resource_cache.cache_clear()
    utils.client_cache.cache_clear()


def _launch_templates(ec2: Any, subnet: str, group: str) -> None:
    iam = boto3.client("iam")
    for role in ("head", "worker"):
        name = f"{NAME}-ray-{role}"
        profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        data: dict[str, Any] = {
            "ImageId": "ami-12c6146b",
            "IamInstanceProfile": {"Arn": profile["Arn"]},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {"VolumeSize": 100, "VolumeType": "gp3", "Encrypted": True},
                }
            ],
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "Role", "Value": f"ray-{role}"}]}
            ],
        }
        if role == "head":
            data["InstanceType"] = "m7i.large"
            data["NetworkInterfaces"] = [
                {
                    "DeviceIndex": 0,
                    "SubnetId": subnet,
                    "Groups": [group],
                    "PrivateIpAddress": "10.42.0.20",
                    "AssociatePublicIpAddress": False,
                }
            ]
        else:
            data["SecurityGroupIds"] = [group]
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)


def test_ray_launches_head_and_workers(cloud: dict[str, Any], tmp_path: Path) -> None:
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    subnets = cloud["private_subnet_ids"]
    prepared = prepare_config(made(tmp_path, private_subnet_ids=subnets))
    validate_config(prepared)
    config = bootstrap_aws(prepared)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for kind, node_type in config["available_node_types"].items():
        role = "head" if kind == "head" else "worker"
        tags = {"ray-node-type": role, "ray-user-node-type": kind, "ray-launch-config": "x"}
        provider.create_node(copy.deepcopy(node_type["node_config"]), tags, 1)

    ec2 = boto3.client("ec2", region_name=REGION)
    types = sorted({t["node_config"]["InstanceType"] for t in config["available_node_types"].values()})
    known = ec2.describe_instance_types(InstanceTypes=types)["InstanceTypes"]
    gpus = {kind["InstanceType"]: "GpuInfo" in kind for kind in known}
    assert gpus == {"m7i.large": False, "m7i.xlarge": False, "g6.xlarge": True}
    reservations = ec2.describe_instances()["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    nodes = {_tag(node, "ray-user-node-type"): node for node in instances}
    assert set(nodes) == set(config["available_node_types"])
    assert {_tag(node, "ray-cluster-name") for node in instances} == {NAME}
    assert nodes["head"]["PrivateIpAddress"] == "10.42.0.20"
    assert nodes["head"]["InstanceType"] == "m7i.large"
    assert nodes["gpu-spot"]["InstanceType"] == nodes["gpu-on-demand"]["InstanceType"] == "g6.xlarge"
    for kind, node in nodes.items():
        assert node["IamInstanceProfile"]["Arn"].endswith(
            f"{NAME}-ray-{'head' if kind == 'head' else 'worker'}"
        )
        assert node["SubnetId"] in subnets
        interface = node["NetworkInterfaces"][0]
        assert [group["GroupId"] for group in interface["Groups"]] == [cloud["group"]], kind
        assert not interface.get("Association"), f"{kind} has a public address"
        assert node["MetadataOptions"]["HttpTokens"] == "required"
        assert (node.get("InstanceLifecycle") == "spot") == kind.endswith("-spot"), kind
    assert len(provider.non_terminated_nodes({"ray-node-type": "worker"})) == 3
    assert (
        len(
            ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["ray-autoscaler*"]}])[
                "SecurityGroups"
            ]
        )
        == 0
    ), "Ray made a group of its own"


def _tag(instance: dict[str, Any], name: str) -> str | None:
    return next((tag["Value"] for tag in instance["Tags"] if tag["Key"] == name), None)
