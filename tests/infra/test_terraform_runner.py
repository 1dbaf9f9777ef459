"""The runner itself: time limits, isolation, and what happens where Terraform is missing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.infra import terraform
from tests.infra.terraform import TerraformFailed, Workspace

# Starts a child that ignores the first signal, says its id, and waits.
_STUBBORN = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); "
child = deaf + "print('ready', flush=True); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
time.sleep(60)
"""


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TerraformFailed, match="took more than 3 s") as failure:
        terraform.run_limited(
            [sys.executable, "-c", _STUBBORN], cwd=tmp_path, env=terraform.environment(), timeout=3, grace=1
        )
    assert time.monotonic() - started < 40
    child = next(line for line in str(failure.value).splitlines() if line.isdigit())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_commands_see_no_credentials_and_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("TF_VAR_name", "real")
    env = terraform.environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert "real" not in env.values()
    assert env["HTTPS_PROXY"].startswith("http://127.0.0.1:")
    assert env["CHECKPOINT_DISABLE"] == "1"
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


def test_missing_terraform_fails_in_ci_and_is_skipped_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFORM", "no-such-terraform")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        terraform.require()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="required where CI=true"):
        terraform.require()


def test_a_named_mirror_is_believed_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))
    find = terraform.find_mirror.__wrapped__
    with pytest.raises(TerraformFailed, match="TF_PLUGIN_MIRROR"):
        find()
    (tmp_path / terraform.PROVIDER).mkdir(parents=True)
    assert find() == tmp_path


def test_a_mirror_of_the_users_own_configuration_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "terraformrc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}"\n  }}\n}}\n'
    )
    (tmp_path / terraform.PROVIDER).mkdir(parents=True)
    monkeypatch.delenv("TF_PLUGIN_MIRROR", raising=False)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    assert terraform.find_mirror.__wrapped__() == tmp_path


def test_work_happens_in_a_copy(tmp_path: Path) -> None:
    before = {path for path in terraform.INFRA.rglob("*") if path.name.startswith(".terraform")}
    workspace = Workspace.of(tmp_path, "modules/budget")
    assert workspace.folder.is_relative_to(tmp_path)
    assert (workspace.folder / "main.tf").is_file()
    assert not list(workspace.copy.rglob("*.tfstate*"))
    workspace.run("fmt", "-check")
    after = {path for path in terraform.INFRA.rglob("*") if path.name.startswith(".terraform")}
    assert after == before
