"""Commands, options, make targets, outputs, variables, paths and links of the operators' pages exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import alarms
from tests.docs.doc_commands import ROOT, Page, anchors, faults, read

PAGES = [
    ("docs/deploy.md", None),
    ("docs/runbook.md", None),
    ("docs/costs.md", None),
    ("README.md", "Deploy"),
]


@pytest.mark.parametrize(("name", "section"), PAGES)
def test_what_the_page_names_is_there(name: str, section: str | None) -> None:
    assert faults(read(name, section)) == []


def alarm_sections() -> dict[str, str]:
    """Heading to text of the runbook's alarms."""
    text = read("docs/runbook.md").text
    part = text[text.index("\n## Alarms\n") : text.index("\n## Procedures\n")]
    sections = part.split("\n### ")[1:]
    return {section.partition("\n")[0]: section.partition("\n")[2] for section in sections}


def test_every_alarm_has_its_section_and_no_section_is_without_one() -> None:
    assert len(alarms.keys()) >= 11
    assert sorted(alarm_sections()) == alarms.keys()
    # An alarm's mail names its key as the anchor.
    assert set(alarms.keys()) <= anchors(read("docs/runbook.md").text)


@pytest.mark.parametrize("heading", alarms.keys())
def test_an_alarms_section_says_what_to_do(heading: str) -> None:
    parts = re.findall(r"^\*\*(\w+):\*\*", alarm_sections()[heading], re.MULTILINE)
    assert parts == ["Means", "Look", "Do", "Confirm", "Escalate"]


def test_alarms_are_found_wherever_they_are_made(tmp_path: Path) -> None:
    modules = {
        "watch": [
            "locals {\n  alarms = {\n    slow = {\n      text = 1\n    }\n    "
            '"dead-end" = { text = 2 }\n  }\n}\n',
            'resource "aws_cloudwatch_metric_alarm" "this" {\n  for_each = local.alarms\n}\n',
        ],
        "other": ['resource "aws_cloudwatch_metric_alarm" "a" {\n  alarm_name = "${var.name}-one-more"\n}\n'],
        "money": ['resource "aws_budgets_budget" "monthly" {\n  name = var.name\n}\n'],
        "quiet": ['resource "aws_sns_topic" "alarms" {\n  name = var.name\n}\n'],
    }
    for module, texts in modules.items():
        (tmp_path / module).mkdir()
        (tmp_path / module / "main.tf").write_text("\n".join(texts))
    assert alarms.keys(tmp_path) == ["dead-end", "money", "one-more", "slow"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```sh\nmake lambada\n```", "make lambada: no such target"),
        ("```sh\nmmpipe live retreat -c shop\n```", "mmpipe live retreat: no such command"),
        (
            "```sh\nFOO=1 && mmpipe dlq replay --everything\n```",
            "mmpipe dlq replay --everything: no such option",
        ),
        ("say `mmpipe frobnicate`", "mmpipe frobnicate: no such command"),
        (
            "```sh\npython infra/restore.py s3://b/k --when now\n```",
            "infra/restore.py --when: no such option",
        ),
        ("```sh\npython infra/gone.py\n```", "infra/gone.py: not there"),
        ("```sh\nray exec x.yaml 'python -m mmpipe.gone'\n```", "python -m mmpipe.gone: no such module"),
        ('```sh\naws s3 ls "$(out no_such_bucket)"\n```', "infra/envs/dev: no output no_such_bucket"),
        ("```sh\nmmpipe rejects show -c shop\n```", "mmpipe rejects show: needs reject_id"),
        ("```sh\nmmpipe status now\n```", "mmpipe status: takes no now"),
        ("```sh\nray rise x.yaml\n```", "ray rise: no such command"),
        ("```sh\nray down x.yaml --now\n```", "ray down --now: no such option"),
        ("```sh\nray up --yes\n```", "ray up: needs cluster_config_file"),
        ("```sh\nray exec x.yaml 'serve stats'\n```", "serve stats: no such command"),
        ("```sh\nray exec x.yaml 'ray job log JOB'\n```", "ray job log: no such command"),
        ("```sh\nterraform -chdir=x applly\n```", "terraform applly: no such command"),
        ("```sh\nterraform plan -to=x\n```", "terraform plan -to: no such option"),
        ("```sh\naws lambda list-functionz\n```", "aws lambda list-functionz: no such command"),
        (
            "```sh\naws lambda update-event-source-mapping --uuid 1 --disabled\n```",
            "aws lambda update-event-source-mapping --disabled: no such option",
        ),
        (
            "```sh\naws s3api put-bucket-versioning --bucket b\n```",
            "aws s3api put-bucket-versioning: needs --versioning-configuration",
        ),
        ("```sh\naws s3 mirror a b\n```", "aws s3 mirror: no such command"),
        ('```sh\ncurl "$(out url)/v2/search"\n```', "/v2/search: no such route"),
        ("see `infra/envs/{dev,stage}`", "infra/envs/{dev,stage}: not there"),
        ("`docs/nowhere.md`", "docs/nowhere.md: not there"),
        ("[x](nowhere.md)", "link to nowhere.md: not there"),
        ("[x](costs.md#no-such-place)", "link to costs.md#no-such-place: no such heading"),
        ("set `MMPIPE_SERVE__NOTHING`", "MMPIPE_SERVE__NOTHING: no such setting"),
        ("raise `no_such_variable`", "`no_such_variable`: neither a variable, an output nor a setting"),
    ],
)
def test_the_check_notices(text: str, fault: str) -> None:
    assert fault in faults(Page(ROOT / "docs" / "page.md", text))


def test_the_check_sees_the_commands_at_all() -> None:
    words = [command[0] for command in read("docs/deploy.md").commands()]
    assert {"make", "terraform", "mmpipe", "python", "ray", "aws", "curl", "docker", "kubectl"} <= set(words)
