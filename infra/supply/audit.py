"""Known vulnerabilities of what is deployed: ``make audit``.

pip-audit looks up every version of the lock files. Where that cannot be done, for there is no network or the
database does not know a package, this says so: what was not looked up is not called safe. It takes at most
``--seconds``. Its status is 0 whatever was found, unless ``--strict`` asks for 1 where something was found or
not everything was looked up: a release asks so, a change to something else need not wait for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "infra" / "lambda_search" / "requirements.lock")
SECONDS = 120
_SHOWN = 5


def look_up(pip_audit: str, locks: Sequence[Path], seconds: float) -> tuple[Mapping[str, Any] | None, str]:
    """pip-audit's report, or why there is none."""
    command = [pip_audit, "--require-hashes", "--disable-pip", "--progress-spinner=off", "--timeout=10"]
    command += ["--format=json", "--desc=off", *(f"--requirement={lock}" for lock in locks)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None, f"it was not done within {seconds:g} s"
    except OSError as error:
        return None, f"it cannot be started: {error}"
    try:
        report: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        return None, last[-1][:300]
    return report, ""


def summary(report: Mapping[str, Any]) -> tuple[list[str], bool]:
    """What to print of it, and whether everything was looked up and nothing found."""
    packages = {(each["name"], each.get("version", "")): each for each in report["dependencies"]}.values()
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    found = [each for each in packages if each.get("vulns")]
    lines = [
        f"WARNING: {each['name']} {each['version']}: {vuln['id']}"
        f" (mended in {', '.join(vuln['fix_versions']) or 'no release yet'})"
        for each in found
        for vuln in each["vulns"]
    ]
    if skipped:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        lines.append(f"WARNING: not looked up: {', '.join(skipped[:_SHOWN])}{more}")
    looked_up = len(packages) - len(skipped)
    known = f"{len(found)} have known vulnerabilities" if looked_up else "this says nothing about them"
    lines.append(f"audit: {looked_up} of {len(packages)} packages were looked up, {known}")
    return lines, not (skipped or found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Look up and print; gives the exit status."""
    parser = argparse.ArgumentParser(prog="audit.py", description="Look up known vulnerabilities.")
    parser.add_argument("--pip-audit", default=".venv-supply/bin/pip-audit", help="its command")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--strict", action="store_true", help="1 unless all was looked up and nothing found")
    parser.add_argument("locks", nargs="*", type=Path, default=list(LOCKS))
    options = parser.parse_args(arguments)
    report, fault = look_up(options.pip_audit, options.locks, options.seconds)
    if report is None:
        sys.stdout.write(f"WARNING: nothing was looked up: {fault}\n")
        return int(options.strict)
    lines, clean = summary(report)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return int(options.strict and not clean)


if __name__ == "__main__":
    raise SystemExit(main())
