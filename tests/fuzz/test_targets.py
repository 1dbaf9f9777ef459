"""The targets of mutation take their seeds, and the seeds cut anywhere; and a target that fails is told."""

from __future__ import annotations

import pytest

from mmpipe import catalogue
from tests.fuzz import targets
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS


# Searches need a service, which tests/serve asks all of this; make test-atheris takes them too.
@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"searches"}))
def test_a_target_takes_its_seeds(name: str) -> None:
    seeds = SEEDS[name]()
    assert seeds
    with TARGETS[name]() as target:
        for seed in seeds:
            target(seed)
            for cut in (0, 1, len(seed) // 2, len(seed) - 1):
                target(seed[:cut])


def test_seeds_are_understood() -> None:
    for feed in SEEDS["feeds"]():
        rows = list(catalogue.read_feed(targets.io.BytesIO(feed), "f", targets.FEEDS))
        assert rows
        assert not [row.reject for row in rows if row.reject], feed[:80]
    for kind, modality in (("pictures", "image"), ("recordings", "audio"), ("clips", "video")):
        for data in SEEDS[kind]():
            targets.media.decode(modality, data, targets.MEDIA, "x")  # type: ignore[arg-type]


def test_what_is_no_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(catalogue, "read_feed", broken)
    with TARGETS["feeds"]() as target, pytest.raises(KeyError):
        target(b"id,title\n")
