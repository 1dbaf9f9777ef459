"""What stands does not depend on who committed first, nor on what each had seen of the table before."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Applied, Changes
from mmpipe.lake.checks import count
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import PROFILE
from tests.unit.lake.sources import Model, Photo, Step, Told, Upload, looked, tombstones, whole

IDS = tuple(f"p{n}" for n in range(6))
# So many that an edit of one of them is moved out of their fragment.
OTHERS = tuple(f"q{n}" for n in range(30))
WORDS = ("red shoe", "blue hat")
STOCKS = ("in_stock", "out_of_stock", "preorder")


def opened(uri: str) -> ProductTable:
    return ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())


def filled(folder: Path) -> tuple[str, Model]:
    """A table with a product of every id, and a fragment of deletions."""
    uri = str(folder / "p.lance")
    table = ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    uploads = [Upload(product_id, 0, WORDS[0]) for product_id in (*IDS, *OTHERS)]
    table.apply(Changes(rows=[whole([u.row() for u in uploads])]))
    gone = [Upload(product_id, 1, None) for product_id in (IDS[0], *OTHERS[:10])]
    table.apply(Changes(rows=[tombstones(gone)]))
    model = Model()
    for upload in (*uploads, *gone):
        model.add(upload)
    return uri, model


def story(chance: random.Random, commits: int) -> list[list[Step]]:
    """Commits of several steps; orders are unique, and drawn in any order."""
    orders = list(range(2, 5 * commits + 2))
    chance.shuffle(orders)
    found: list[list[Step]] = []
    for _ in range(commits):
        steps: list[Step] = []
        for _ in range(chance.randint(1, 5)):
            product_id, n = chance.choice(IDS), orders.pop()
            kind = chance.random()
            if kind < 0.2:
                steps.append(Told(product_id, n, chance.choice(STOCKS)))  # type: ignore[arg-type]
            elif kind < 0.35:
                steps.append(Photo(product_id, f"photo {n}"))
            elif kind < 0.5:
                steps.append(Upload(product_id, n, None))
            else:
                # Few contents: many uploads are of what stands, or change its price alone.
                steps.append(Upload(product_id, n, chance.choice(WORDS), chance.randint(1, 2)))
        found.append(steps)
    return found


class Party:
    """Somebody who looks at the table, and commits later."""

    def __init__(self, uri: str) -> None:
        self.table = opened(uri)
        self.steps: Sequence[Step] = ()
        self._changes = Changes()

    def look(self, steps: Sequence[Step], *, staged: bool) -> None:
        self.steps = steps
        self._changes = looked(self.table, steps, staged=staged)

    def commit(self) -> list[Applied]:
        """Every answer until it is done."""
        answers = [self.table.apply(self._changes)]
        while answers[-1].stale:
            assert not answers[-1].committed
            self._changes = looked(self.table, self.steps)
            answers.append(self.table.apply(self._changes))
            assert len(answers) < 30
        self.steps = ()
        return answers


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_interleaving_of_looks_and_commits_gives_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    uri, model = filled(tmp_path_factory.mktemp("lake"))
    parties = [Party(uri) for _ in range(3)]
    waiting = story(chance, 8)
    for steps in waiting:
        for step in steps:
            model.add(step)
    while waiting or any(party.steps for party in parties):
        party = chance.choice(parties)
        if not party.steps and waiting:
            party.look(waiting.pop(), staged=chance.random() < 0.3)
        elif party.steps:
            before = opened(uri).version
            answers = party.commit()
            assert opened(uri).version - before == sum(each.committed for each in answers) <= 1
            assert count(party.table, party.table.latest()) == count(opened(uri), opened(uri).latest())
        if chance.random() < 0.1:
            parties[0].table.maintain()
    model.check(opened(uri))
    fresh = count(opened(uri), opened(uri).latest())
    assert fresh.tombstones == sum(upload.words is None for upload in model.uploads.values())


@pytest.mark.parametrize("seed", range(4))
def test_writers_at_the_same_time_leave_what_one_after_the_other_would(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    uri, model = filled(tmp_path)
    stories = [story(chance, 5) for _ in range(4)]
    # Orders of different writers must differ too.
    stories = [[[_later(step, k, 4) for step in steps] for steps in each] for k, each in enumerate(stories)]
    for steps in (steps for each in stories for steps in each):
        for step in steps:
            model.add(step)
    shared = opened(uri)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        party = Party(uri)
        if number < 2:
            party.table = shared  # two threads of one handle
        try:
            for place, steps in enumerate(stories[number]):
                party.look(steps, staged=place % 3 == 0)
                party.commit()
        except BaseException as error:  # noqa: BLE001  the main thread reports it
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(len(stories))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    model.check(opened(uri))


def _later(step: Step, k: int, writers: int) -> Step:
    if isinstance(step, Photo):
        return Photo(step.id, f"{step.image} of {k}")
    n = step.n * writers + k  # still more than those of the table's first rows
    if isinstance(step, Told):
        return Told(step.id, n, step.availability)
    return Upload(step.id, n, step.words, step.price)
