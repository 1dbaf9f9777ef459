"""Processes of tests that race with others or are killed."""

from __future__ import annotations

import multiprocessing
from typing import Final

CHILDREN: Final = multiprocessing.get_context("forkserver")
# Forked from a process that has imported what they need: a new interpreter takes seconds for that, each time.
CHILDREN.set_forkserver_preload(
    [
        "tests.integration.test_switching_under_load",
        "tests.unit.recommend.sponsored.shops",
        "tests.unit.search.versions.test_folder",
        "tests.unit.search.versions.test_fragment",
    ]
)
