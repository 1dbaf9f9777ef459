"""``mmpipe doctor``: whether this installation works as it is set."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mmpipe.cli.console import emit, output, plain
from mmpipe.cli.options import AsJson, LakeUri, ProfileName, settings_with
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.doctor import Finding

_SIGNS: Final = {
    "fine": "[green]✓[/]",
    "note": "[dim]–[/]",
    "warning": "[yellow]![/]",
    "broken": "[bold red]✗[/]",
}


def doctor(
    lake: LakeUri = None,
    profile: ProfileName = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="also start Ray and end it, which takes a while")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look whether this installation works as it is set, and say what to do where it does not.

    Ends with 1 if something has to be mended; warnings and notes do not count.
    """
    from mmpipe.doctor import examine

    configure_logging("ERROR")
    settings = settings_with(lake=lake, profile=profile)
    findings: list[Finding] = []
    for finding in examine(settings, ray=ray):
        findings.append(finding)
        if not as_json:
            _show(finding)
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        emit({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        output.print(_sum(len(broken)), soft_wrap=True)
    if broken:
        sys.exit(1)


def _show(finding: Finding) -> None:
    output.print(f"{_SIGNS[finding.state]} {plain(finding.about)}: {plain(finding.told)}", soft_wrap=True)
    if finding.remedy and finding.state != "fine":
        output.print(f"    → {plain(finding.remedy)}", soft_wrap=True)


def _sum(broken: int) -> str:
    if not broken:
        return "[green]nothing has to be mended[/]"
    return f"[bold red]{broken} {'thing has' if broken == 1 else 'things have'} to be mended[/]"
