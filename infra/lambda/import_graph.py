"""What a set of modules imports, found in their source: nothing is run.

Imports inside functions count, for they happen at run time; those under ``if TYPE_CHECKING`` do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class UnknownImport(Exception):
    """A first-party module that is imported and has no file."""


@dataclass(slots=True)
class ImportGraph:
    """Everything that the first modules need."""

    files: set[Path] = field(default_factory=set)
    """First-party source files."""
    third_party: set[str] = field(default_factory=set)
    """Modules that are neither ours nor the standard library's."""
    aws_services: set[str] = field(default_factory=set)
    """First arguments of ``….create_client("service", …)``."""


def collect(root: Path, packages: Sequence[str], entry_points: Sequence[str]) -> ImportGraph:
    """Follow the imports of ``entry_points`` through ``packages``, which are folders of ``root``.

    Raises :class:`UnknownImport` for a module of ours that does not exist.
    """
    graph = ImportGraph()
    waiting = [parent for module in entry_points for parent in _with_parents(module)]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        file = _file_of(root, module)
        if file is None:
            raise UnknownImport(f"{module} is imported, and there is no such module below {root}")
        graph.files.add(file)
        tree = ast.parse(file.read_bytes(), str(file))
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for node in _runtime_nodes(tree):
            if isinstance(node, ast.Call):
                graph.aws_services.update(_aws_service(node))
            for name in _imported(node, package, root, packages):
                top = name.partition(".")[0]
                if top in packages:
                    waiting += _with_parents(name)
                elif top not in sys.stdlib_module_names:
                    graph.third_party.add(name)
    return graph


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for other in child.orelse:
                yield other
                yield from _runtime_nodes(other)
            continue
        yield child
        yield from _runtime_nodes(child)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _imported(node: ast.AST, package: str, root: Path, packages: Sequence[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        yield base
        if base.partition(".")[0] in packages:
            # `from package import name` may name a module of it.
            names = (f"{base}.{alias.name}" for alias in node.names)
            yield from (name for name in names if _file_of(root, name) is not None)


def _aws_service(call: ast.Call) -> Iterator[str]:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "create_client" and call.args:
        service = call.args[0]
        if isinstance(service, ast.Constant) and isinstance(service.value, str):
            yield service.value


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _file_of(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None
