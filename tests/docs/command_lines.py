"""Whether a command line could be typed as it stands: commands, options, what is required, and their order.

``mmpipe``, ``ray`` and ``serve`` are asked through their own parsers, ``aws`` through botocore's models of
the services. Nothing is run and nothing is asked of anybody.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

ROOT = Path(__file__).parents[2]

# Of Terraform 1.11's own help, what the pages use.
_TERRAFORM = {
    "init": {"-backend-config"},
    "plan": {"-out"},
    "apply": set[str](),
    "output": {"-raw", "-json"},
    "destroy": set[str](),
    "providers": {"-platform"},
}
# Commands of the AWS CLI that are none of the API's, with the options that the pages use.
_AWS = {
    ("s3", "cp"): {"--metadata-directive"},
    ("s3", "sync"): {"--exclude", "--include"},
    ("s3", "ls"): set[str](),
    ("logs", "tail"): {"--since", "--filter-pattern"},
    ("ecr", "get-login-password"): {"--region"},
}
_AWS_GLOBAL = {"--query", "--output", "--region", "--profile"}


def faults(words: Sequence[str], *, whole: bool) -> Iterator[str]:
    """What is wrong with one command. ``whole`` is a line to be typed, which needs all that is required; what
    running text names may leave that out."""
    name, *rest = words
    name = name.removeprefix(".venv/bin/")
    if name == "mmpipe" and rest:
        yield from _clicked(_mmpipe(), "mmpipe", rest, whole=whole)
    elif name == "ray" and rest:
        yield from _clicked(_ray(), "ray", rest, whole=whole)
    elif name == "serve" and rest:
        yield from _clicked(_serve(), "serve", rest, whole=whole)
    elif name == "make":
        wanted = [word for word in rest if "=" not in word and word.isascii()]
        yield from (f"make {target}: no such target" for target in wanted if target not in targets())
    elif name == "terraform":
        yield from _terraform(rest)
    elif name == "aws" and len(rest) > 1:
        yield from _aws(rest[0], rest[1], rest[2:], whole=whole)
    elif name == "python":
        yield from _python(rest)


@cache
def targets() -> frozenset[str]:
    """Targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


@cache
def _mmpipe() -> Any:
    import typer

    from mmpipe.cli import app

    return typer.main.get_command(app)


@cache
def _ray() -> Any:
    from ray.scripts.scripts import cli

    return cli


@cache
def _serve() -> Any:
    from ray.serve.scripts import cli

    return cli


def _clicked(command: Any, said: str, words: Sequence[str], *, whole: bool) -> Iterator[str]:
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        said = f"{said} {rest[0]}"
        command = command.commands.get(rest.pop(0))
        if command is None:
            yield f"{said}: no such command"
            return
    if hasattr(command, "commands"):
        return
    parser = command.make_parser(command.context_class(command))
    # typer brings a click of its own, whose errors are not click's.
    raised = importlib.import_module(type(parser).__module__.replace(".parser", ".exceptions"))
    try:
        given, left, _ = parser.parse_args(rest)
    except raised.NoSuchOption as error:
        yield f"{said} {error.option_name}: no such option"
        return
    except raised.UsageError as error:
        yield f"{said}: {error.format_message()}"
        return
    if left:
        yield f"{said}: takes no {' '.join(left)}"
    for each in command.params:
        # What is not there is None, an empty tuple, or a mark of the parser's own.
        value = given.get(each.name)
        there = isinstance(value, str | int | tuple | list) and value != ()
        if whole and each.required and not there:
            yield f"{said}: needs {each.name}"


def _terraform(words: Sequence[str]) -> Iterator[str]:
    rest = [word for word in words if not word.startswith("-chdir=")]
    if not rest:
        return
    if rest[0] not in _TERRAFORM:
        yield f"terraform {rest[0]}: no such command"
        return
    for word in rest[1:]:
        option = word.partition("=")[0]
        if option.startswith("-") and option not in _TERRAFORM[rest[0]]:
            yield f"terraform {rest[0]} {option}: no such option"


def _aws(service: str, command: str, words: Sequence[str], *, whole: bool) -> Iterator[str]:
    said = f"aws {service} {command}"
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    if (service, command) in _AWS:
        known, required = _AWS[(service, command)], set[str]()
    else:
        try:
            model = _session().get_service_model("s3" if service == "s3api" else service)
        except UnknownServiceError:
            yield f"aws {service}: no such service"
            return
        names = {xform_name(name, "-"): name for name in model.operation_names}
        if service == "s3" or command not in names:
            yield f"{said}: no such command"
            return
        shape = model.operation_model(names[command]).input_shape
        members = shape.members if shape is not None else {}
        known = {f"--{xform_name(name, '-')}" for name in members}
        known |= {
            f"--no-{xform_name(name, '-')}" for name, each in members.items() if each.type_name == "boolean"
        }
        required = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    yield from (f"{said} {option}: no such option" for option in options - known - _AWS_GLOBAL)
    if whole:
        yield from (f"{said}: needs {option}" for option in required - options)


@cache
def _session() -> Any:
    return botocore.session.Session()


def _python(words: Sequence[str]) -> Iterator[str]:
    if words[:1] == ["-m"]:
        if importlib.util.find_spec(words[1]) is None:
            yield f"python -m {words[1]}: no such module"
    elif words and (ROOT / words[0]).is_file():
        source = (ROOT / words[0]).read_text(encoding="utf-8")
        for word in words[1:]:
            if word.startswith("--") and f'"{word.partition("=")[0]}"' not in source:
                yield f"{words[0]} {word}: no such option"
