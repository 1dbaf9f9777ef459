"""Scheduled training as a Ray job: ``python -m mmpipe.learn.retrain --catalogue ADDRESS --recommender SHOP``.

Prints one line of JSON for the encoders, where there is a catalogue, and one for each collection whose
recommender is trained: what was measured, and whether the result was registered. Encoders' readers are not
moved here: the line names the commands by which people do. A recommender that is better is followed at once,
and ``mmpipe live recommender --rollback`` goes back. What is no better is an outcome and no failure: the job
ends well, so that nobody is called for it. One that fails does not keep the others from being trained.
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
from typing import TYPE_CHECKING, Any

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


def retrain_recommender(settings: Settings, collection: str) -> dict[str, Any]:
    """Train a collection's recommender on its log as it is now; the outcome, as it is printed.

    Raises what :func:`mmpipe.learn.recommender.run.train_recommender` raises, ``UnknownCollection``.
    """
    from mmpipe.learn.recommender.run import train_recommender
    from mmpipe.learn.recommender.settings import RecommenderSettings

    lake = open_lake(settings)
    return train_recommender(lake.collection(collection), lake.models, RecommenderSettings()).to_json()


def main(arguments: list[str] | None = None) -> int:
    """The job's entry point. Its settings are those of the process: ``MMPIPE_LAKE__URI`` first of all."""
    parser = argparse.ArgumentParser(
        prog="mmpipe.learn.retrain", description="Train on a catalogue, and on what shoppers did."
    )
    parser.add_argument("--catalogue", default=None, help="a feed's address, to train encoders on")
    parser.add_argument(
        "--recommender", action="append", default=[], metavar="COLLECTION", help="may be repeated"
    )
    parser.add_argument("--from", dest="parent", default="starter", help="default: starter")
    parser.add_argument("--name", default=None, help="the new profile; default: parent and feed")
    options = parser.parse_args(arguments)
    if options.catalogue is None and not options.recommender:
        parser.error("name a --catalogue, a --recommender, or both")
    settings = load_settings()
    configure_logging()
    ended = 0 if options.catalogue is None else _encoders(settings, options)
    if ended == _STOPPED:
        return ended
    for collection in options.recommender:
        try:
            _tell(retrain_recommender(settings, collection))
        except MmpipeError as error:
            _tell({"collection": collection, "error": f"{type(error).__name__}: {error}"})
            ended = 1
    return ended


def _encoders(settings: Settings, options: argparse.Namespace) -> int:
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
        _tell({"catalogue": options.catalogue, "error": f"{type(error).__name__}: {error}"})
        return 1
    finally:
        signal.signal(signal.SIGTERM, former)
    _tell({name: value for name, value in outcome.to_json().items() if name != "folder"})
    return 0


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
