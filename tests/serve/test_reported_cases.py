"""What people who run catalogues reported: the cases handed out beside this repository, by their own check.

``../shared/cases/reports`` holds them with ``check.py``, which says what holds. Here its lakes are
indexed and served by real HTTP in this process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

import mmpipe
from mmpipe.serve.standalone import standalone_app
from mmpipe.settings import LakeSettings, ServeSettings, Settings, SpeechSettings
from tests.serve.listening import listening

_HANDED_OUT = Path(__file__).resolve().parents[3] / "shared" / "cases" / "reports"
_CASES: list[dict[str, Any]] = (
    json.loads((_HANDED_OUT / "cases.json").read_text(encoding="utf-8"))
    if (_HANDED_OUT / "check.py").is_file()
    else []
)
# Its second file is the whole catalogue, which is said of a feed when it is indexed.
_WHOLE = {"snapshot-feed"}

pytestmark = pytest.mark.skipif(not _CASES, reason="the reported cases are not beside this repository")


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, Path]]:
    """The check, and a copy of its folder with the media that it makes."""
    folder = tmp_path_factory.mktemp("reported") / "cases"
    shutil.copytree(_HANDED_OUT, folder, copy_function=shutil.copyfile)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    subprocess.run([sys.executable, "make_media.py", "."], cwd=folder, check=True)
    spec = importlib.util.spec_from_file_location("reported_check", folder / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with ExitStack() as open_ones:
        module.served = _served(tmp_path_factory, open_ones)  # type: ignore[attr-defined]
        yield module, folder


def _served(
    folders: pytest.TempPathFactory, open_ones: ExitStack
) -> Callable[[tuple[str, ...], bool, Path], int]:
    ports: dict[tuple[str, ...], int] = {}

    def served(feeds: tuple[str, ...], same_name: bool, folder: Path) -> int:
        if feeds not in ports:
            work = folders.mktemp("lake")
            lake, mirror = str(work / "lake"), str(work / "mirror")
            settings = Settings(
                lake=LakeSettings(uri=lake),
                serve=ServeSettings(mirror_dir=mirror),
                speech=SpeechSettings(recognizer="none"),  # no case is spoken
            )
            whole = any(tuple(case.get("feeds", ())) == feeds for case in _CASES if case["name"] in _WHOLE)
            with mmpipe.open(lake, settings=settings) as shop:
                for number, name in enumerate(feeds):
                    source = work / (f"feed{Path(name).suffix}" if same_name else name)
                    shutil.copyfile(folder / "inputs" / name, source)
                    # The order of two files is that of their times, in seconds.
                    os.utime(source, (1_700_000_000 + number,) * 2)
                    shop.index(source, replace=whole)
            address = open_ones.enter_context(listening(standalone_app(settings)))
            ports[feeds] = urlsplit(address).port or 0
        return ports[feeds]

    return served


@pytest.mark.parametrize("case", _CASES, ids=[case["name"] for case in _CASES])
def test_what_was_reported_holds(case: dict[str, Any], check: tuple[ModuleType, Path]) -> None:
    module, folder = check
    for want, holds, got in getattr(module, case["kind"])(case, folder):
        assert holds, (want, got)
