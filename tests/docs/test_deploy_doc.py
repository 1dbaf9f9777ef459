"""Commands, options, make targets, outputs, variables, paths and links of the operators' pages exist."""

from __future__ import annotations

import re

import pytest

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


def test_every_alarm_has_its_section_and_no_section_is_without_one() -> None:
    alarms = (ROOT / "infra" / "modules" / "observability" / "alarms.tf").read_text(encoding="utf-8")
    body = alarms[alarms.index("alarms = {") :]
    keys = set(re.findall(r"^    ([a-z0-9-]+) = \{$", body, re.MULTILINE))
    assert len(keys) >= 10
    text = read("docs/runbook.md").text
    section = text[text.index("\n## Alarms\n") : text.index("\n## Procedures\n")]
    headings = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert sorted(headings) == sorted(keys | {"budget"})
    assert set(headings) <= anchors(text)


@pytest.mark.parametrize(
    "heading", re.findall(r"^### (.+)$", read("docs/runbook.md").text, re.MULTILINE)[:11]
)
def test_an_alarms_section_says_what_to_do(heading: str) -> None:
    text = read("docs/runbook.md").text
    section = text.split(f"\n### {heading}\n")[1].split("\n#")[0]
    for part in ("**Means:**", "**Do:**", "**Escalate:**"):
        assert part in section, f"{heading} lacks {part}"


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
