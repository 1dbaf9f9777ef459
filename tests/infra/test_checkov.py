"""checkov over the environments and all they compose: nothing fails but what ``.checkov.yaml`` excuses.

The excuses are checked too: each names its reason, and one that is no longer needed has to go.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.terraform import INFRA, ROOT, Workspace, environment, run_limited, unavailable
from tests.infra.test_modules import MODULES

CONFIG = INFRA / ".checkov.yaml"
_LIMIT_SECONDS = 240
_UNCHECKED = {"budget"}  # checkov has no opinion on budgets


def _checkov() -> str:
    binary = Path(os.environ.get("CHECKOV") or ROOT / ".venv-infra" / "bin" / "checkov")
    if not binary.is_file():
        unavailable("checkov is not installed: make setup-infra")
    return str(binary)


def _excuses() -> dict[str, str]:
    """Check → its reason, from lines like ``- CKV_AWS_1  # reason``."""
    text = CONFIG.read_text(encoding="utf-8").split("skip-check:", 1)[1]
    lines = [line for line in text.splitlines() if line.lstrip().startswith("- ")]
    parsed = [re.fullmatch(r"\s+- (CKV2?_[A-Z0-9_]+)\s+# (.+)", line) for line in lines]
    assert all(parsed), "each skip is one line: - CHECK  # its reason"
    return {found[1]: found[2] for found in parsed if found}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """checkov's own JSON for all environments, without any excuse."""
    checkov = _checkov()
    folder = Workspace.of(tmp_path_factory.mktemp("checkov"), "envs").folder
    command = [checkov, "--directory", ".", "--framework", "terraform", "--skip-download", "--output", "json"]
    env = environment({"LOG_LEVEL": "ERROR"})
    done = run_limited(command, cwd=folder, env=env, timeout=_LIMIT_SECONDS)
    assert done.code in (0, 1), done.output
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


@pytest.mark.timeout(300)
def test_nothing_fails_without_an_excuse(report: dict[str, Any]) -> None:
    assert report["summary"]["parsing_errors"] == 0
    passed = report["results"]["passed_checks"]
    seen = {name for check in passed for name in re.findall(r"module\.(\w+)\.", check["resource"])}
    assert set(MODULES) - _UNCHECKED <= seen, "checkov did not see the modules behind the environments"
    excuses = _excuses()
    failed = report["results"]["failed_checks"]
    lines = [
        f"{f['check_id']} {f['check_name']}: {f['resource']}" for f in failed if f["check_id"] not in excuses
    ]
    assert not lines, "\n".join(sorted(set(lines)))


@pytest.mark.timeout(300)
def test_every_excuse_is_needed(report: dict[str, Any]) -> None:
    failed = {failure["check_id"] for failure in report["results"]["failed_checks"]}
    assert sorted(_excuses().keys() - failed) == []


@pytest.mark.timeout(300)
def test_excuses_in_the_sources_give_reasons(report: dict[str, Any]) -> None:
    skipped = report["results"]["skipped_checks"]
    reasons = {skip["check_id"]: str(skip["check_result"].get("suppress_comment", "")) for skip in skipped}
    assert [check for check, reason in reasons.items() if len(reason) < 20] == []
