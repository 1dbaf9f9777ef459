"""What a demo found, and whether anything fell short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from examples.catalogue.faults import ExpectedReject
from examples.catalogue.products import SampleProduct
from examples.catalogue.queries import DemoQuery
from examples.demo.shopper import ShopperOutcome
from mmpipe.schemas.run import Reject
from mmpipe.schemas.search import Hit


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """One search and its hits; ``ok`` where the best one is as expected."""

    query: DemoQuery
    hits: tuple[Hit, ...]
    ok: bool
    took_ms: float

    @property
    def expected(self) -> str:
        """In words."""
        if self.query.expected_ids:
            return " or ".join(sorted(self.query.expected_ids))
        return ", ".join(f"{name}: {value}" for name, value in self.query.expected.items())

    def to_json(self) -> dict[str, Any]:
        """The entry of the report."""
        return {
            "query": self.query.label,
            "kind": self.query.kind,
            "top": self.hits[0].id if self.hits else None,
            "expected": self.expected,
            "ok": self.ok,
        }


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """One planted fault, and the reject that explains it; None where there is none."""

    expected: ExpectedReject
    reject: Reject | None

    def to_json(self) -> dict[str, Any]:
        """The entry of the report."""
        wanted = self.expected
        return {
            "row": wanted.row,
            "product_id": wanted.product_id,
            "field": wanted.field,
            "scope": wanted.scope,
            "reason": None if self.reject is None else self.reject.reason,
            "ok": self.reject is not None,
        }


@dataclass(slots=True)
class DemoReport:
    """The whole of it; ``trouble`` says in words what fell short."""

    uploaded: int
    expected_indexed: int
    indexed: int = 0
    seconds: float = 0.0
    searches: list[SearchOutcome] = field(default_factory=list)
    faults: list[FaultOutcome] = field(default_factory=list)
    unexpected: list[Reject] = field(default_factory=list)
    dead_letters: int = 0
    shopper: ShopperOutcome | None = None

    def trouble(self) -> list[str]:
        """Everything that is not as it should be."""
        found = []
        if self.indexed != self.expected_indexed:
            found.append(f"{self.indexed} products can be found, {self.expected_indexed} should be")
        for fault in self.faults:
            if fault.reject is None:
                what = fault.expected.product_id or "no product"
                where = f"row {fault.expected.row} ({what}, {fault.expected.field})"
                found.append(f"{where} was not rejected as planted")
        found += [
            f"row {r.row} ({r.product_id}, {r.field}) was rejected: {r.reason}" for r in self.unexpected
        ]
        for search in self.searches:
            if not search.ok:
                top = search.hits[0].title if search.hits else "nothing"
                found.append(f"'{search.query.label}' found {top}, not {search.expected}")
        if self.dead_letters:
            found.append(f"{self.dead_letters} events ended among the dead letters")
        return found + ([] if self.shopper is None else self.shopper.trouble())

    def to_json(self, products: Sequence[SampleProduct] = ()) -> dict[str, Any]:
        """The one JSON line."""
        categories = {product.id: product.category for product in products}
        return {
            "uploaded": self.uploaded,
            "indexed": self.indexed,
            "rejected": sum(fault.reject is not None for fault in self.faults) + len(self.unexpected),
            "seconds": round(self.seconds, 1),
            "searches": [search.to_json() for search in self.searches],
            "shopper": None if self.shopper is None else self.shopper.to_json(categories),
            "rejects": [fault.to_json() for fault in self.faults],
            "trouble": self.trouble(),
        }


def match_faults(
    expected: tuple[ExpectedReject, ...], rejects: list[Reject]
) -> tuple[list[FaultOutcome], list[Reject]]:
    """Pair every planted fault with the reject that explains it; the rest were not planted."""
    left = list(rejects)
    outcomes = []
    for fault in expected:
        found = next((reject for reject in left if _explains(fault, reject)), None)
        if found is not None:
            left.remove(found)
        outcomes.append(FaultOutcome(fault, found))
    return outcomes, left


def _explains(fault: ExpectedReject, reject: Reject) -> bool:
    # A medium that arrives after the feed is read for its product alone: the id stands for the row then.
    of_the_medium = reject.row == 0 and reject.scope == "media" and fault.product_id is not None
    return (
        (reject.row == fault.row or of_the_medium)
        and reject.scope == fault.scope
        and reject.field == fault.field
        and (fault.product_id is None or reject.product_id == fault.product_id)
        and fault.explains(f"{reject.field}: {reject.reason}")
    )


def accepted(query: DemoQuery, hits: tuple[Hit, ...], products: dict[str, SampleProduct]) -> bool:
    """Whether the best hit is one that the query expects."""
    return bool(hits) and hits[0].id in products and query.accepts(products[hits[0].id])
