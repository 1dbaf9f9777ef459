"""What a page of documentation says about the tree, and which of it is not so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmpipe.cli.options import API_KEY
from mmpipe.settings import Settings, describe
from tests.docs import command_lines

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("infra/envs/dev", "infra/envs/prod")

_FENCE = re.compile(r"^[ \t]*```(\w*)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_OUTPUT = re.compile(r"\bout ([a-z_]+)|\boutput -raw ([a-z_]+)")
_PATH = re.compile(
    r"^(?:infra|docs|tests|handlers|mmpipe|benchmarks|training|examples|costs)/[\w./*{},-]*$"
    r"|^(?:ray_cluster\.yaml|Makefile)$"
)
_SETTING = re.compile(r"\bMMPIPE_[A-Z_]+\b")
_SNAKE = re.compile(r"^[a-z]+(?:_[a-z0-9]+)+$")
_BETWEEN = {"&&", "|", "||", ";", ">", "{", "}"}
_ROUTE = re.compile(r"\$\(out url\)(/[\w/-]+)")


@dataclass(frozen=True)
class Page:
    """One page; ``text`` is Markdown."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The page without its code blocks."""
        return _FENCE.sub("", self.text)

    def lines(self) -> Iterator[str]:
        """Lines of its shell blocks."""
        for kind, body in _FENCE.findall(self.text):
            if kind == "sh":
                yield from (line for line in body.splitlines() if line.strip())

    def inline(self) -> list[str]:
        """What stands between backticks in its prose."""
        return _INLINE.findall(self.prose)

    def commands(self) -> Iterator[list[str]]:
        """Every command as its words: of shell blocks, inline ones, and what `ray exec` would run."""
        for line in (*self.lines(), *self.inline()):
            yield from _commands_of(line)


def read(name: str, section: str | None = None) -> Page:
    """One page of the repository, or its section under a heading of the second level."""
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    if section is not None:
        text = f"{text}\n## ".split(f"\n## {section}\n")[1].split("\n## ")[0]
    return Page(path, text)


def faults(page: Page, *, on_infrastructure: bool = True) -> list[str]:
    """Everything the page names that is not there; outputs and variables of infra/ are looked for only on
    pages that are ``on_infrastructure``."""
    checks = [_commands, _routes, _paths, _links, _settings]
    if on_infrastructure:
        checks += [_outputs, _words]
    return sorted({fault for check in checks for fault in check(page)})


def anchors(text: str) -> set[str]:
    """The anchors that a Markdown page's headings get."""
    found = re.findall(r"^#+ +(.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def _commands_of(line: str) -> Iterator[list[str]]:
    # `$(…)` would be split at its blanks: what is in it is looked at by name (outputs).
    plain = re.sub(r"\$\([^()]*\)", "X", line)
    try:
        words = shlex.split(plain, comments=True)
    except ValueError:
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word in _BETWEEN or word.endswith(";"):
            if command:
                yield command
                if command[:2] == ["ray", "exec"]:
                    yield from _commands_of(command[-1])
            command = []
        else:
            command.append(word)


def _commands(page: Page) -> Iterator[str]:
    for lines, whole in ((page.lines(), True), (page.inline(), False)):
        for line in lines:
            for words in _commands_of(line):
                yield from command_lines.faults(words, whole=whole)


def _routes(page: Page) -> Iterator[str]:
    """What is asked of the service is one of its routes."""
    http = ROOT / "mmpipe" / "serve" / "http"
    api = "".join((http / name).read_text(encoding="utf-8") for name in ("api.py", "search_route.py"))
    for path in set(_ROUTE.findall("\n".join([*page.lines(), *page.inline()]))):
        if f'"{path}"' not in api:
            yield f"{path}: no such route"


def _outputs(page: Page) -> Iterator[str]:
    code = "\n".join([*page.lines(), *page.inline()])
    wanted = {a or b for a, b in _OUTPUT.findall(code)}
    for folder in ENVIRONMENTS:
        text = (ROOT / folder / "outputs.tf").read_text(encoding="utf-8")
        known = set(re.findall(r'^output "(\w+)"', text, re.MULTILINE))
        yield from (f"{folder}: no output {name}" for name in wanted - known)


def _paths(page: Page) -> Iterator[str]:
    words = {word for command in page.commands() for word in command}
    words |= {word for code in page.inline() for word in code.split()}
    for word in sorted(words):
        path = word.strip("\"'()").replace("$ENVIRONMENT", ENVIRONMENTS[0])
        if _PATH.match(path) and not path.endswith(
            (".tfvars", ".tfvars.json")
        ):  # that one is the reader's own
            yield from (f"{path}: not there" for one in _braces(path) if not any(ROOT.glob(one.rstrip("/"))))


def _braces(path: str) -> list[str]:
    found = re.match(r"^(.*)\{([^{}]*)\}(.*)$", path)
    return [found[1] + each + found[3] for each in found[2].split(",")] if found else [path]


def _links(page: Page) -> Iterator[str]:
    for target in _LINK.findall(page.text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.path if not name else page.path.parent / name
        if not file.exists():
            yield f"link to {target}: not there"
        elif anchor and anchor not in anchors(page.text if not name else file.read_text(encoding="utf-8")):
            yield f"link to {target}: no such heading"


def _settings(page: Page) -> Iterator[str]:
    known = {name for name, _, _ in describe(Settings)} | {API_KEY}
    for name in _SETTING.findall(page.text):
        if name not in known:
            yield f"{name}: no such setting"


def _words(page: Page) -> Iterator[str]:
    """Names like `noncurrent_days` are variables, outputs or settings."""
    for code in page.inline():
        word = code.split(" ", maxsplit=1)[0].rstrip(":")
        if _SNAKE.match(word) and not re.search(rf"\b{word}\b", infrastructure()):
            yield f"`{word}`: neither a variable, an output nor a setting"


@cache
def infrastructure() -> str:
    """All that infra/ and the settings name, as one text."""
    files = [
        file
        for kind in ("infra/**/*.tf", "infra/**/*.yaml", "mmpipe/settings/*.py")
        for file in ROOT.glob(kind)
    ]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
