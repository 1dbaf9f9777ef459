"""Scheduled training as a Ray job: ``python -m mmpipe.learn.retrain --catalogue ADDRESS``.

Prints one line of JSON: what was measured, whether the result was registered, and the commands by which
people let readers have it; no reader is moved here. A result that is no better than its parent is not
registered, which is an outcome and no failure: the job ends well, so that nobody is called for it.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.errors import MmpipeError
from mmpipe.lake import open_lake
from mmpipe.learn.adapt.settings import AdaptSettings, default_name
from mmpipe.settings import Settings, load_settings
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.learn.adapt.run import Outcome

logger = logging.getLogger(__name__)

_STOPPED = 130


def retrain(
    settings: Settings,
    catalogue: str,
    *,
    parent: str = "starter",
    name: str | None = None,
    options: AdaptSettings | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train on the catalogue as it is now, and register the result in the lake where it is better.

    Each run starts anew from ``parent``, for the catalogue is another one than last time; nothing stays on
    this machine.
    Raises what :func:`mmpipe.learn.adapt.run.adapt` raises.
    """
    from mmpipe.learn.adapt.run import adapt, find_parent

    models = open_lake(settings).models
    with tempfile.TemporaryDirectory(prefix="mmpipe-retrain-") as out:
        outcome = adapt(
            settings,
            options or AdaptSettings(),
            feed=catalogue,
            parent=find_parent(parent, models),
            name=name or default_name(parent, catalogue),
            out=Path(out),
            models=models,
            stop=stop,
        )
    outcome.lake = settings.lake.uri
    return outcome


def main(arguments: list[str] | None = None) -> int:
    """The job's entry point. Its settings are those of the process: ``MMPIPE_LAKE__URI`` first of all."""
    parser = argparse.ArgumentParser(prog="mmpipe.learn.retrain", description="Train on a catalogue.")
    parser.add_argument("--catalogue", required=True, help="a feed's address")
    parser.add_argument("--from", dest="parent", default="starter", help="default: starter")
    parser.add_argument("--name", default=None, help="the new profile; default: parent and feed")
    options = parser.parse_args(arguments)
    settings = load_settings()
    configure_logging()
    stop = threading.Event()
    # A job that is stopped ends at its next step and leaves no files behind.
    former = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    from mmpipe.learn.adapt.train import Stopped

    try:
        outcome = retrain(settings, options.catalogue, parent=options.parent, name=options.name, stop=stop)
    except Stopped as stopped:
        logger.warning("training stopped", extra={"step": stopped.step})
        return _STOPPED
    except MmpipeError as error:
        reason = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps({"catalogue": options.catalogue, "error": reason}) + "\n")
        return 1
    finally:
        signal.signal(signal.SIGTERM, former)
    line = {name: value for name, value in outcome.to_json().items() if name != "folder"}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
