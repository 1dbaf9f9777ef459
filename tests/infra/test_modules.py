"""What holds for every module and environment, read from the sources: no Terraform needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.hcl import folder_blocks
from tests.infra.terraform import INFRA, ROOT

MODULES = sorted(path.name for path in (INFRA / "modules").iterdir() if path.is_dir())
ENVIRONMENTS = sorted(path.name for path in (INFRA / "envs").iterdir() if path.is_dir())
FOLDERS = [INFRA / "modules" / name for name in MODULES] + [INFRA / "envs" / name for name in ENVIRONMENTS]
BUDGET_ALARM = "budget"  # warns by itself, without a CloudWatch alarm

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


def test_every_alarm_has_its_section_in_the_runbook() -> None:
    alarms = (INFRA / "modules" / "observability" / "alarms.tf").read_text(encoding="utf-8")
    keys = re.findall(r"^    ([a-z0-9-]+) = \{$", alarms, re.MULTILINE)
    assert len(keys) == 10
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    headings = {heading.strip() for heading in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}
    anchors = headings | set(re.findall(r'<a (?:id|name)="([^"]+)"', runbook))
    assert sorted({*keys, BUDGET_ALARM} - anchors) == []
