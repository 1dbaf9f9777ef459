"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

LAZY = ("mmpipe.indexing", "mmpipe.local", "mmpipe.serve")


@pytest.mark.parametrize("name", LAZY)
def test_all_that_is_public_is_there_and_nothing_else(name: str) -> None:
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public).__module__.startswith(f"{name}.")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_they_are_imported_without_what_is_slow() -> None:
    program = (
        f"import sys, {', '.join(LAZY)}; print([m for m in ('lance', 'ray', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
