"""Daily budgets hold whoever spends them: replicas that race, answers that are lost, replicas that die."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from mmpipe.errors import CommitConflict, RetryableError, StorageUnavailable
from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.objects import FolderStore, MemoryStore, ObjectStat, ObjectStore, S3Store
from mmpipe.recommend.sponsored.charges import Cashier
from mmpipe.recommend.sponsored.ledger import Ledger
from mmpipe.recommend.sponsored.tickets import Placement
from mmpipe.settings import SponsoredSettings, StorageSettings
from tests.children import CHILDREN
from tests.unit.recommend.sponsored.shops import TODAY, Shop, click, spend, spend_at

BUDGET = 2_000_000
PRICE = 70_000
# So many whole prices fit, and a replica leases 100,000 at a time.
MOST = BUDGET // PRICE


def shop_at(store: ObjectStore, uri: str) -> Shop:
    shop = Shop(store, uri)
    shop.bid({"product_id": "a", "bid": "0.07 USD", "daily_budget": "2 USD"})
    return shop


def queries(shop: Shop, number: int) -> list[str]:
    place = Placement("a", 0, PRICE, "USD")
    return [shop.tickets.seal([place], shop.now) for _ in range(number)]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    make_puts_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="races")
        yield url
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    if request.param == "folder":
        return shop_at(FolderStore(tmp_path), f"file://{tmp_path}/shop")
    url = request.getfixturevalue("endpoint")
    return shop_at(S3Store(StorageSettings(endpoint_url=url)), "s3://races/shop")


def test_racing_replicas_stay_within_the_budget(shop: Shop) -> None:
    replicas = 4
    shares = [queries(shop, 15) for _ in range(replicas)]
    common = queries(shop, 2)
    with ThreadPoolExecutor(replicas) as pool:
        charged = sum(
            pool.map(lambda at: spend(shop, [*common, *shares[at]], f"r{at}", close=True), range(replicas))
        )
    spent = shop.spent()
    assert spent == charged * PRICE <= BUDGET
    # 62 places would cost twice the budget: but for a lease and a price each, it is spent.
    assert spent > BUDGET - replicas * (PRICE + int(BUDGET * shop.settings.lease))
    leased = Ledger(shop.store, shop.uri).leased(TODAY, "a")
    assert leased == spent
    # What was given back is spent by whoever comes next, to the last whole price.
    spend(shop, queries(shop, 10), "late", close=True)
    assert shop.spent() == MOST * PRICE


def test_racing_processes_that_give_nothing_back(tmp_path: Path) -> None:
    shop = shop_at(FolderStore(tmp_path), f"file://{tmp_path}/shop")
    same = queries(shop, 25)
    ready = CHILDREN.Event()
    other = CHILDREN.Process(target=spend_at, args=(str(tmp_path), random.sample(same, 25), "other", ready))
    other.start()
    assert ready.wait(200)
    spend(shop, random.sample(same, 25), "this", close=False)
    other.join(200)
    assert other.exitcode == 0
    charges = list(shop.charges.of_day(TODAY))
    # Both were told of every place, each by events of its own.
    assert len({charge.query_id for charge in charges}) == len(charges) <= len(same)
    spent = sum(charge.price for charge in charges)
    assert spent == 25 * PRICE
    assert spent <= Ledger(shop.store, shop.uri).leased(TODAY, "a") <= BUDGET


class Unreliable(MemoryStore):
    """Writes, and then says that it did not: as an outage, or as a conflict with itself, which is what a
    client sees whose own repetition met the first attempt."""

    def __init__(self, decide: Callable[[], str]) -> None:
        super().__init__()
        self._decide = decide

    def write(self, uri: str, data: bytes, **conditions: Any) -> ObjectStat:
        what = self._decide()
        if what == "down":
            raise StorageUnavailable("throttled")
        written = super().write(uri, data, **conditions)
        if what == "lost":
            raise StorageUnavailable("no answer")
        if what == "twice":
            raise CommitConflict("it is there already")
        return written


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    trouble=st.floats(0, 0.4),
    steps=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 59),
            st.sampled_from(["click"] * 6 + ["die", "end"]),
        ),
        max_size=60,
    ),
)
def test_lost_answers_and_deaths_never_overspend(
    seed: int, trouble: float, steps: list[tuple[int, int, str]]
) -> None:
    chance = random.Random(seed)
    quiet = [True]

    def decide() -> str:
        if quiet[0] or chance.random() > trouble:
            return "well"
        return chance.choice(["down", "lost", "twice"])

    shop = shop_at(Unreliable(decide), "memory://lake/shop")
    shop.settings = SponsoredSettings(enabled=True, lease=0.1)
    sold = queries(shop, 60)
    replicas = [shop.replica() for _ in range(3)]
    quiet[0] = False
    for number, (at, place, what) in enumerate(steps):
        if what == "click":
            replicas[at].accepted(
                click(f"e{number}-{n}", "a", sold[(place + n) % len(sold)]) for n in range(6)
            )
            with contextlib.suppress(RetryableError):  # it stays for the next call
                replicas[at].work()
        else:
            if what == "end":
                replicas[at].close()
            quiet[0] = True
            replicas[at] = shop.replica()
            quiet[0] = False
        quiet[0] = True
        charges = list(shop.charges.of_day(TODAY))
        leased = Ledger(shop.store, shop.uri).leased(TODAY, "a")
        assert sum(charge.price for charge in charges) <= leased <= BUDGET
        assert len({charge.query_id for charge in charges}) == len(charges)
        assert len({charge.event for charge in charges}) == len(charges)
        quiet[0] = False


def test_a_lease_that_was_asked_for_twice_is_one() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "memory://lake/shop")
    assert ledger.lease(TODAY, "a", "x", want=60, least=10, budget=100) == 60
    assert ledger.lease(TODAY, "a", "x", want=60, least=10, budget=100) == 60
    assert ledger.lease(TODAY, "a", "y", want=60, least=10, budget=100) == 40
    assert ledger.lease(TODAY, "a", "z", want=60, least=1, budget=100) == 0
    assert ledger.lease(TODAY, "b", "z", want=60, least=1, budget=100) == 60
    ledger.settle(TODAY, "a", "x", 20)
    ledger.settle(TODAY, "a", "x", 20)
    ledger.settle(TODAY, "a", "x", 50)
    assert ledger.leased(TODAY, "a") == 60
    # A budget that was lowered meanwhile gives nothing more.
    assert ledger.lease(TODAY, "a", "w", want=60, least=1, budget=50) == 0


def test_a_damaged_ledger_sells_nothing() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "memory://lake/shop")
    for content in (
        b"",
        b"[]",
        b'{"product_id": "b", "leases": {}}',
        b'{"product_id": "a", "leases": {"x": -5}}',
    ):
        store.write(ledger.uri(TODAY, "a"), content)
        with pytest.raises(StorageUnavailable, match="no list of leases"):
            ledger.lease(TODAY, "a", "x", want=1, least=1, budget=10)


def test_a_payment_whose_answer_was_lost_is_not_paid_again() -> None:
    shop = shop_at(MemoryStore(), "memory://lake/shop")
    wallet, bids = shop.wallet(), shop.replica().bids
    cashier = Cashier(shop.tickets, wallet, shop.charges, paid="search-click", valid_hours=24)
    event = click("e", "a", queries(shop, 1)[0])
    assert cashier.charge(event, bids, shop.now) == "charged"
    assert cashier.charge(event, bids, shop.now) == "already"
    assert wallet.reserve(TODAY, "a", PRICE, BUDGET)
    wallet.close()
    assert Ledger(shop.store, shop.uri).leased(TODAY, "a") == PRICE == shop.spent()
