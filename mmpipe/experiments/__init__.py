"""Experiments: shoppers by arms, and what came of it, in numbers that may be looked at every day.

* ``definition``, ``book``: what an experiment is; ``<lake>/<collection>/experiments.json``, changed by
  conditional writes.
* :func:`assign`: a shopper's arms, by a keyed hash and nothing kept; :func:`settings_of`: what they change.
* :func:`interleave`: two rankings in one list (team draft).
* :class:`LiveExperiments`: what a replica asks, without I/O; exposures go to the interaction log.
* ``observed``, ``sequential``, :func:`report`: the log by people; intervals and tests that hold at every
  look; the whole of it for one experiment.
"""

from __future__ import annotations

from mmpipe.experiments.assignment import Shopper, assign, settings_of
from mmpipe.experiments.book import ExperimentBook
from mmpipe.experiments.definition import Arm, ArmSettings, Experiment, Experiments
from mmpipe.experiments.interleaving import credit, interleave
from mmpipe.experiments.live import Choice, LiveExperiments
from mmpipe.experiments.report import Report, report

__all__ = [
    "Arm",
    "ArmSettings",
    "Choice",
    "Experiment",
    "ExperimentBook",
    "Experiments",
    "LiveExperiments",
    "Report",
    "Shopper",
    "assign",
    "credit",
    "interleave",
    "report",
    "settings_of",
]
