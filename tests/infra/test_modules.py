"""What holds for every module and environment, read from the sources: no Terraform needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.hcl import Block, folder_blocks
from tests.infra.terraform import INFRA, ROOT

MODULES = sorted(path.name for path in (INFRA / "modules").iterdir() if path.is_dir())
ENVIRONMENTS = sorted(path.name for path in (INFRA / "envs").iterdir() if path.is_dir())
FOLDERS = [INFRA / "modules" / name for name in MODULES] + [INFRA / "envs" / name for name in ENVIRONMENTS]
BUDGET_ALARM = "budget"  # warns by itself, without a CloudWatch alarm
# AWS knows no tags on these.
UNTAGGED = {
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_log_metric_filter",
    "aws_ec2_subnet_cidr_reservation",
    "aws_ecr_lifecycle_policy",
    "aws_iam_role_policy",
    "aws_kms_alias",
    "aws_lambda_function_event_invoke_config",
    "aws_lb_target_group_attachment",
    "aws_route",
    "aws_route53_record",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_notification",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_scheduler_schedule",
    "aws_secretsmanager_secret_version",
    "aws_sns_topic_subscription",
    "aws_wafv2_web_acl_association",
    "aws_wafv2_web_acl_logging_configuration",
}

each_folder = pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}"
)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_its_parts(name: str) -> None:
    folder = INFRA / "modules" / name
    wanted = ["README.md", "main.tf", "outputs.tf", "variables.tf", "versions.tf"]
    assert [part for part in wanted if not (folder / part).is_file()] == []
    assert list(folder.glob("tests/*.tftest.hcl")), "a module has tests"


@each_folder
def test_variables_are_typed_and_described(folder: Path) -> None:
    variables = [block for block in folder_blocks(folder) if block.kind == "variable"]
    assert variables
    assert [v.place for v in variables if not (v.attribute("type") and v.attribute("description"))] == []
    assert {v.file.name for v in variables} == {"variables.tf"}


@each_folder
def test_variables_are_validated(folder: Path) -> None:
    """By the variable itself, or by a module that it is handed to as it is. Booleans and tags need none."""
    assert sorted(_variables(folder).keys() - _validated(folder)) == []


@pytest.mark.parametrize("name", MODULES)
def test_every_validation_is_seen_to_refuse(name: str) -> None:
    folder = INFRA / "modules" / name
    sources = "".join(file.read_text(encoding="utf-8") for file in folder.glob("tests/*.tftest.hcl"))
    expected = " ".join(re.findall(r"expect_failures = \[(.*?)\]", sources, re.DOTALL))
    refused = set(re.findall(r"\bvar\.(\w+)", expected))
    validated = {name for name, block in _variables(folder).items() if "validation {" in block.text}
    assert sorted(validated - refused) == []


def _variables(folder: Path) -> dict[str, Block]:
    """Variables that need a validation, by name."""
    blocks = [block for block in folder_blocks(folder) if block.kind == "variable"]
    return {b.labels[0]: b for b in blocks if b.attribute("type") != "bool" and b.labels[0] != "tags"}


def _validated(folder: Path) -> set[str]:
    own = {name for name, block in _variables(folder).items() if "validation {" in block.text}
    handed = set()
    for call in (block for block in folder_blocks(folder) if block.kind == "module"):
        source = (call.attribute("source") or "").strip('"')
        takers = _validated((folder / source).resolve())
        arguments = re.findall(r"^  (\w+)\s+= var\.(\w+)$", call.text, re.MULTILINE)
        handed |= {variable for argument, variable in arguments if argument in takers}
    return own | handed


@each_folder
def test_outputs_are_described(folder: Path) -> None:
    outputs = [block for block in folder_blocks(folder) if block.kind == "output"]
    assert outputs
    assert [output.place for output in outputs if not output.attribute("description")] == []


@each_folder
def test_versions_are_pinned(folder: Path) -> None:
    [block] = [
        block
        for block in folder_blocks(folder)
        if block.kind == "terraform" and "required_providers" in block.text
    ]
    assert block.attribute("required_version") in ('">= 1.10"', '">= 1.11"')  # 1.11 has write-only arguments
    assert re.search(r'source\s+= "hashicorp/aws"\s+version\s+= "~> 5\.100"', block.text)


@each_folder
def test_what_is_known_to_hurt_is_left_out(folder: Path) -> None:
    for block in folder_blocks(folder):
        # Creating one never returns on the emulator that the project is applied to.
        assert block.labels[:1] != ("aws_sqs_queue_redrive_allow_policy",), block.place
        # On a module it makes every data source inside wait for the apply, and no plan is clean again.
        assert not (block.kind == "module" and block.attribute("depends_on")), block.place


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_tags_everything(name: str) -> None:
    providers = [block for block in folder_blocks(INFRA / "envs" / name) if block.kind == "provider"]
    assert providers
    assert [provider.place for provider in providers if "default_tags" not in provider.text] == []


@pytest.mark.parametrize("name", MODULES)
def test_what_can_carry_tags_does(name: str) -> None:
    resources = [block for block in folder_blocks(INFRA / "modules" / name) if block.kind == "resource"]
    assert resources
    bare = [r for r in resources if r.labels[0] not in UNTAGGED and not r.attribute("tags")]
    assert [resource.place for resource in bare] == []


def test_prod_leaves_nothing_open_or_easily_lost() -> None:
    folder = INFRA / "envs" / "prod"
    blocks = folder_blocks(folder)
    calls = {block.labels[0]: block for block in blocks if block.kind == "module"}
    said = {
        (module, argument): calls[module].attribute(argument)
        for module, argument in (
            ("storage", "force_destroy"),
            ("registry", "force_delete"),
            ("serving", "allow_http"),
            ("network", "flow_logs"),
            ("network", "single_nat_gateway"),
        )
    }
    assert said == {
        ("storage", "force_destroy"): "false",
        ("registry", "force_delete"): "false",
        ("serving", "allow_http"): "false",
        ("network", "flow_logs"): "true",
        ("network", "single_nat_gateway"): "false",
    }
    assert int(calls["secrets"].attribute("recovery_window_days") or 0) >= 7
    protections = ("deletion_protection", "waf_enabled", "deny_insecure_transport", "deny_other_encryption")
    defaults = {b.labels[0]: b.attribute("default") for b in blocks if b.kind == "variable"}
    assert {name: defaults[name] for name in protections} == dict.fromkeys(protections, "true")


def test_each_secret_says_how_it_is_rotated() -> None:
    folder = INFRA / "modules" / "secrets"
    notes = (folder / "README.md").read_text(encoding="utf-8").split("## Rotation", 1)[1]
    variables = {block.labels[0] for block in folder_blocks(folder) if block.kind == "variable"}
    versions = {name for name in variables if name.endswith("_version")}
    assert len(versions) == 2
    assert sorted(version for version in versions if f"`{version}`" not in notes) == []


def test_what_the_load_balancer_forwards_is_told_where_threats_are() -> None:
    blocks = folder_blocks(INFRA / "modules" / "serving")
    (paths,) = (b for b in blocks if (b.kind, b.labels) == ("variable", ("public_paths",)))
    forwarded = re.findall(r'"([^"]+)"', paths.attribute("default") or "")
    assert forwarded
    told = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert [path for path in forwarded if f"`{path}`" not in told] == []


def test_every_alarm_has_its_section_in_the_runbook() -> None:
    alarms = (INFRA / "modules" / "observability" / "alarms.tf").read_text(encoding="utf-8")
    keys = re.findall(r"^    ([a-z0-9-]+) = \{$", alarms, re.MULTILINE)
    assert len(keys) == 11
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    headings = {heading.strip() for heading in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}
    anchors = headings | set(re.findall(r'<a (?:id|name)="([^"]+)"', runbook))
    assert sorted({*keys, BUDGET_ALARM} - anchors) == []
