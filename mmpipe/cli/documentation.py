"""docs/cli.md and the tables of docs/settings.md: commands and settings, told by the code that reads them.

``python -m mmpipe.cli.documentation`` writes them in a checkout, ``--check`` only compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer
from pydantic import BaseModel

from mmpipe.cli.app import app
from mmpipe.reference import Reference
from mmpipe.settings import Settings, describe

_INTRODUCTION: Final = """<!-- Made by make reference from mmpipe/cli: change that. -->
# Command line

`--help` behind any command says the same. Results go to stdout, all else to stderr; \
`--json` makes a result one line of JSON. A command ends with 0, with 1 where something went wrong, with \
2 where the caller must change something, and then says what. [Settings](settings.md) are read from the \
environment; commands that ask a running service send the key in `MMPIPE_API_KEY`.
"""
_BELOW: Final = "<!-- From here on made by make reference from mmpipe/settings: change that. -->\n"


def pages(docs: Path) -> dict[str, str]:
    """Every page by its path under ``docs``; what stands by hand at the top of the settings' page is kept."""
    by_hand, mark, _ = (docs / "settings.md").read_text(encoding="utf-8").partition(_BELOW)
    if not mark:
        raise ValueError(f"docs/settings.md lacks its line {_BELOW.strip()}")
    return {"cli.md": _commands_page(), "settings.md": f"{by_hand}{_BELOW}{_settings()}"}


REFERENCE: Final = Reference(pages)


def _commands_page() -> str:
    # Typer brings the classes of commands along, without types of their own.
    root: Any = typer.main.get_command(app)
    commands = list(_commands(root, "mmpipe"))
    index = "\n".join(
        f"| [`{name}`](#{name.replace(' ', '-')}) | {_text(_first(command.help))} |"
        for name, command in commands
        if name.count(" ") == 1
    )
    sections = "\n".join(_section(name, command) for name, command in commands)
    return f"{_INTRODUCTION}\n| command | |\n|---|---|\n{index}\n\n{sections}"


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Groups and commands by their full names, each group before its own."""
    for each, command in group.commands.items():
        yield f"{name} {each}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {each}")


def _section(name: str, command: Any) -> str:
    title = f"{'##' if name.count(' ') == 1 else '###'} {name}\n\n{_paragraphs(command.help)}\n"
    if hasattr(command, "commands"):
        return title
    context = command.context_class(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    records = [each.get_help_record(context) for each in command.get_params(context) if each.name != "help"]
    rows = [f"| `{_cell(record[0])}` | {_text(record[1])} |\n" for record in records if record is not None]
    table = f"\n| argument or option | |\n|---|---|\n{''.join(rows)}" if rows else ""
    return f"{title}\n```text\n{name} {usage}\n```\n{table}"


def _settings() -> str:
    return "\n".join(_tree(Settings, "MMPIPE_"))


def _tree(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        variables = list(describe(section, f"{prefix}{name.upper()}__"))
        rows = "".join(f"| `{variable}` | {default} | {text} |\n" for variable, default, text in variables)
        said = re.sub(r"docs/(\w+\.md)", r"[\1](\1)", " ".join((section.__doc__ or "").split()))
        yield (
            f"\n## {name}\n\n{said}\n\n| variable | default | meaning |\n|---|---|---|\n{rows}".rstrip("\n")
            + "\n"
        )


def _first(text: str | None) -> str:
    return (text or "").partition("\n\n")[0]


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").replace("\b", "").split("\n\n"))


def _text(text: str) -> str:
    said = re.sub(r"\s*\[((?:default|required|env var|x)[^\]]*)\]$", r" (\1)", " ".join(text.split()))
    return _cell(re.sub(r"(?<!`)<", "&lt;", said))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(REFERENCE.main())
