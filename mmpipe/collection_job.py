"""What the Ray jobs over a lake's collections have in common: arguments, settings, a line each, the exit."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mmpipe.settings import Settings, load_settings
from mmpipe.telemetry import configure_logging, continued, span


def run_job(
    run: Callable[[Settings, Sequence[str]], Iterable[Mapping[str, Any]]],
    arguments: Sequence[str] | None,
    *,
    prog: str,
    description: str,
    traced_as: str,
) -> int:
    """``run`` over the collections that are named by ``--collection``, none meaning all, with the settings of
    the process: ``MMPIPE_LAKE__URI`` first of all. Prints what it yields, a line of JSON each as it comes.
    Gives the exit status: 1 where a line has an ``error``, else 0."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--collection", action="append", default=[], help="may be repeated; default: all")
    options = parser.parse_args(arguments)
    settings = load_settings()
    configure_logging()
    failed = 0
    with continued(os.environ), span(traced_as):
        for line in run(settings, options.collection):
            failed += "error" in line
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    return 1 if failed else 0
