"""Does what a page of documentation says, in a folder of its own.

Blocks with a title (``csv title="feed.csv"``) are written to that file. Lines of shell blocks are run:
``mmpipe`` and ``python -m`` in this process, ``curl`` against the service that the reader was given in the
place of ``http://127.0.0.1:8000``. What would install, start a server or ask the cloud is named in
``NOT_RUN``; that it could be typed as it stands is looked at by ``doc_commands``. A line of any other
program fails the test.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from mmpipe.cli import app
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from tests.docs.doc_commands import Page
from tests.serve.listening import listening

SERVICE = "http://127.0.0.1:8000"
NOT_RUN = ("git clone", "make ", ". .venv/", "mmpipe serve", "mmpipe up", "mmpipe mcp", "mmpipe --")
_FENCE = re.compile(r"^([ \t]*)```([\w-]+)?([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([\w.-]+)"')


@contextmanager
def served(service: QueryService) -> Iterator[str]:
    """One replica without Ray, over HTTP; gives its address."""
    with listening(create_app(service, Metrics("pages"))) as url:
        yield url


@dataclass
class Reader:
    """Somebody who follows pages in ``folder``.

    ``service`` starts the query service over ``folder/lake`` when it is first asked, and gives its address;
    ``said`` is what each command printed, by its line.
    """

    folder: Path
    service: Callable[[], str]
    said: dict[str, str] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    def follow(self, page: Page, but: str | None = None) -> None:
        """Do everything that the page says, in its order, but lines that hold ``but``. Raises AssertionError
        with the line that failed."""
        with chdir(self.folder):
            for indent, kind, info, block in _FENCE.findall(page.text):
                body = re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
                if title := _TITLE.search(info):
                    Path(title[1]).write_text(body, encoding="utf-8")
                elif kind == "sh":
                    for line in commands(body):
                        if but is None or but not in line:
                            self.said[line] = self._run(line.removeprefix(".venv/bin/"))
                elif kind == "python":
                    said = StringIO()
                    with redirect_stdout(said):
                        exec(compile(body, str(page.path), "exec"), self.names)
                    self.said[body] = said.getvalue()

    def _run(self, line: str) -> str:
        if line.startswith(NOT_RUN):
            return ""
        words = shlex.split(line, comments=True)
        with ExitStack() as during:
            while "=" in words[0] and words[0].partition("=")[0].isupper():
                name, _, value = words.pop(0).partition("=")
                during.enter_context(patch.dict(os.environ, {name: value}))
            name = words[0]
            if name == "mmpipe":
                return _mmpipe(words[1:], line)
            if name == "python" and words[1] == "-m":
                return _module(words[2], words[3:], line)
            if name == "curl":
                return self._curl(words[1:], line)
        raise AssertionError(f"nobody knows how to run: {line}")

    def _curl(self, words: Sequence[str], line: str) -> str:
        asked = [word.replace(SERVICE, self.service()) for word in words]
        assert asked != list(words), f"asks another address than {SERVICE}: {line}"
        done = subprocess.run(
            ["curl", "-sS", "--fail-with-body", "--noproxy", "*", *asked],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}{done.stdout}"
        return done.stdout


def commands(body: str) -> list[str]:
    """The commands of a shell block, each with all its lines: a quote or a backslash goes on on the next."""
    found: list[str] = []
    waiting = ""
    for line in body.splitlines():
        waiting += line
        if line.endswith("\\"):
            waiting = waiting[:-1]
            continue
        try:
            whole = shlex.split(waiting, comments=True)
        except ValueError:
            waiting += "\n"
            continue
        if whole:
            found.append(waiting.strip())
        waiting = ""
    assert not waiting.strip(), f"a quote never closes: {waiting}"
    return found


def _mmpipe(words: Sequence[str], line: str) -> str:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
    return done.output


def _module(name: str, words: Sequence[str], line: str) -> str:
    module = importlib.import_module(f"{name}.__main__")
    if hasattr(module, "app"):
        done = CliRunner().invoke(module.app, list(words))
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        return done.output
    said = StringIO()
    with redirect_stdout(said):
        assert module.main(list(words)) == 0, f"{line}\n{said.getvalue()}"
    return said.getvalue()
