"""Run Terraform on a temporary copy of ``infra/``, without leaving anything in the tree or on the network.

A :class:`Workspace` owns a copy, so no ``.terraform``, lock file or state appears beside the sources.
Providers come from a mirror on disk where one is found, else from the registry through a cache shared by the
whole test run. Every call has a hard time limit after which the whole process group is ended.

Where Terraform is missing, tests fail under ``CI=true`` and are skipped elsewhere: see :func:`require`.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
PROVIDER = Path("registry.terraform.io/hashicorp/aws")

# Left out of the copy: what a developer's own `terraform init` or `apply` may have put beside the sources.
_IGNORED = shutil.ignore_patterns(
    ".terraform",
    ".terraform.lock.hcl",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfplan",
    "*.auto.tfvars",
    "*.tfvars.json",
    "__pycache__",
)
# Nothing listens on the discard port of loopback: whatever a provider sends elsewhere ends there.
_NOWHERE = "http://127.0.0.1:9"
END_SECONDS = 10.0


class TerraformFailed(AssertionError):
    """A Terraform command ended with an error or ran out of time; the message holds its output."""


@dataclass(frozen=True)
class Completed:
    """A finished command. ``code`` is Terraform's (``plan -detailed-exitcode``: 2 means changes)."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def unavailable(reason: str) -> NoReturn:
    """Skip the test with a reason, or fail it under ``CI=true``, where a silent skip would hide a gap."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} (required where CI=true)", pytrace=False)
    pytest.skip(reason)


def require() -> str:
    """The Terraform binary: ``TERRAFORM``, else the one on ``PATH``."""
    found = shutil.which(os.environ.get("TERRAFORM", "terraform"))
    if found is None:
        unavailable("terraform is not installed: put 1.10 or newer on PATH, or name it in TERRAFORM")
    return found


@functools.cache
def find_mirror() -> Path | None:
    """The folder holding ``registry.terraform.io/hashicorp/aws``, or None: then ``init`` asks the registry.

    ``TF_PLUGIN_MIRROR`` names it; otherwise the usual places of Terraform and of container images are tried.
    """
    named = os.environ.get("TF_PLUGIN_MIRROR")
    if named:
        if not (Path(named) / PROVIDER).is_dir():
            raise TerraformFailed(f"TF_PLUGIN_MIRROR={named} holds no {PROVIDER}")
        return Path(named)
    home = Path.home()
    data = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    places = [*_configured_mirrors(), home / ".terraform.d/plugins", home / ".local/share/terraform/plugins"]
    places += [Path(folder) / "terraform/plugins" for folder in data.split(":") if folder]
    for parent in ("/opt", "/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib", "/srv"):
        places += sorted(Path(parent).glob("*")) + sorted(Path(parent).glob("*/*"))
    return next((place for place in places if (place / PROVIDER).is_dir()), None)


def _configured_mirrors() -> list[Path]:
    """Filesystem mirrors of the user's own CLI configuration."""
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE") or Path.home() / ".terraformrc")
    if not config.is_file():
        return []
    blocks = re.findall(r"filesystem_mirror\s*\{([^}]*)\}", config.read_text(encoding="utf-8"))
    return [Path(path) for block in blocks for path in re.findall(r'path\s*=\s*"([^"]+)"', block)]


@functools.cache
def _cli_home() -> Path:
    """One folder per test run: the CLI configuration and, where there is no mirror, downloaded providers."""
    home = Path(tempfile.mkdtemp(prefix="mmpipe-terraform-"))
    (home / "plugin-cache").mkdir()
    mirror = find_mirror()
    lines = ["disable_checkpoint = true"]
    if mirror is None:
        lines += [f"plugin_cache_dir = {json.dumps(str(home / 'plugin-cache'))}"]
    else:
        path = json.dumps(str(mirror))
        lines += ["provider_installation {", f"  filesystem_mirror {{ path = {path} }}", "}"]
    (home / "cli.tfrc").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return home


def remove_cli_home() -> None:
    """Delete what this test run kept outside its workspaces; called once at the end of the session."""
    if _cli_home.cache_info().currsize:
        shutil.rmtree(_cli_home(), ignore_errors=True)
        _cli_home.cache_clear()


def environment(extra: Mapping[str, str] | None = None, *, offline: bool = True) -> dict[str, str]:
    """A clean environment: no credentials, profiles or ``TF_VAR_*`` of the caller. ``offline`` closes every
    way off this machine; only ``init`` without a mirror is let out."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(_cli_home()),
        "TF_CLI_CONFIG_FILE": str(_cli_home() / "cli.tfrc"),
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    if offline:
        env |= {"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
    else:
        passed = (
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "SSL_CERT_FILE",
        )
        env |= {name: os.environ[name] for name in passed if name in os.environ}
    return env | dict(extra or {})


def run_limited(
    command: list[str], *, cwd: Path, env: Mapping[str, str], timeout: float, grace: float = 10
) -> Completed:
    """Run to the end or to the limit. At the limit the group is interrupted, so that Terraform can write its
    state and release locks, and killed ``grace`` seconds later.

    Raises :class:`TerraformFailed` with the output so far where the limit was reached.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=grace)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            stdout, stderr = process.communicate()
        raise TerraformFailed(
            f"{' '.join(command)} took more than {timeout:g} s; its output ends:\n{stdout[-8_000:]}{stderr}"
        ) from None
    finally:
        _end_group(process)  # a provider that outlived its parent
    return Completed(process.returncode, stdout, stderr)


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the group had anybody left to signal, zombies included."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _end_group(process: subprocess.Popen[str]) -> None:
    """Kill the group and wait until nobody in it runs: a killed process takes a moment to end."""
    deadline = time.monotonic() + END_SECONDS
    while _signal_group(process, signal.SIGKILL) and _runs(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(group: int) -> bool:
    """Whether a process of the group is more than a zombie; without a ``/proc``, zombies count too."""
    if not Path("/proc/self/stat").exists():
        return True
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold blanks and brackets itself.
            state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended just now
        if int(its_group) == group and state not in ("Z", "X"):
            return True
    return False


@dataclass
class Workspace:
    """A copy of ``infra/`` (and of ``build/lambda/``, if built), and one folder of it to work in.

    ``Workspace.of(tmp_path, "modules/storage")``; ``env`` is added to every command's environment.
    """

    copy: Path
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tmp: Path, folder: str, *, env: Mapping[str, str] | None = None) -> Workspace:
        copy = tmp / "copy"
        if not copy.exists():
            shutil.copytree(INFRA, copy / "infra", ignore=_IGNORED)
            built = ROOT / "build" / "lambda"
            if built.is_dir():
                shutil.copytree(
                    built, copy / "build" / "lambda", ignore=shutil.ignore_patterns("__pycache__")
                )
        return cls(copy, copy / "infra" / folder, dict(env or {}))

    def run(self, *args: str, timeout: float = 60, check: bool = True, offline: bool = True) -> Completed:
        """One command in the folder. ``check`` raises :class:`TerraformFailed` where it ends badly."""
        env = environment(self.env, offline=offline)
        done = run_limited([require(), *args], cwd=self.folder, env=env, timeout=timeout)
        if check and done.code != 0:
            raise TerraformFailed(f"terraform {' '.join(args)} ended with {done.code}\n{done.output}")
        return done

    def init(self, *, local_state: bool = False, timeout: float = 120) -> Completed:
        """Install providers. The folder's own backend is never contacted: it is left out, which suffices to
        validate and test; to plan and apply, ``local_state`` overrides it with a file in the copy."""
        args = ["init", "-no-color"]
        if local_state:
            override = 'terraform {\n  backend "local" {}\n}\n'
            (self.folder / "backend_override.tf").write_text(override, encoding="utf-8")
        else:
            args.append("-backend=false")
        return self.run(*args, timeout=timeout, offline=find_mirror() is not None)

    def validate(self, *, timeout: float = 60) -> dict[str, Any]:
        """The result of ``validate -json``: ``valid``, ``diagnostics``."""
        result: dict[str, Any] = json.loads(
            self.run("validate", "-json", timeout=timeout, check=False).stdout
        )
        return result

    def plan(self, out: str = "plan.tfplan", *, timeout: float = 180) -> tuple[bool, dict[str, Any]]:
        """(whether anything would change, the plan as ``show -json`` gives it)."""
        done = self.run(
            "plan", "-detailed-exitcode", "-no-color", f"-out={out}", timeout=timeout, check=False
        )
        if done.code not in (0, 2):
            raise TerraformFailed(f"terraform plan ended with {done.code}\n{done.output}")
        plan: dict[str, Any] = json.loads(self.run("show", "-json", out, timeout=timeout).stdout)
        return done.code == 2, plan

    def apply(self, *args: str, timeout: float = 480) -> Completed:
        return self.run("apply", "-auto-approve", "-no-color", *args, timeout=timeout)

    def destroy(self, *args: str, timeout: float = 480) -> Completed:
        return self.run("destroy", "-auto-approve", "-no-color", *args, timeout=timeout)

    def outputs(self) -> dict[str, Any]:
        """Output values by name, sensitive ones too."""
        raw = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in raw.items()}

    def state(self) -> dict[str, Any]:
        """The state as ``show -json`` gives it; ``values`` is absent where nothing exists."""
        shown: dict[str, Any] = json.loads(self.run("show", "-json").stdout)
        return shown
