"""Which facets there are, and what may be asked of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search.columns.dictionaries import CATEGORY

if TYPE_CHECKING:
    from mmpipe.schemas.search import Facet

ATTRIBUTE: Final = "attributes."
PRICE: Final = "price"
ADDED: Final = "added"
NUMBERS: Final = (PRICE, "rating", "rating_count", ADDED)
TEXTS: Final = (*FACET_FIELDS, "currency", "language")


def check(facets: Sequence[Facet]) -> None:
    """Raise :class:`InvalidRequest` for a field that is no facet, one that is there twice, and an option that
    does not fit the field."""
    seen: set[str] = set()
    for place, facet in enumerate(facets):
        field = facet.field
        attribute = field.startswith(ATTRIBUTE) and len(field) > len(ATTRIBUTE)
        if not attribute and field not in NUMBERS and field not in TEXTS:
            known = ", ".join((*TEXTS, *NUMBERS))
            raise InvalidRequest(
                "facets", f"no facet '{field[:80]}'; known are {known}, and attributes.<name>"
            )
        if field in seen:
            raise InvalidRequest(f"facets[{place}].field", f"'{field[:80]}' is asked for twice; ask once")
        seen.add(field)
        _check_options(facet, place, attribute=attribute)


def of_numbers(facet: Facet) -> bool:
    """Whether ranges are counted, and not values."""
    return facet.field in NUMBERS or bool(facet.ranges) or facet.buckets is not None


def plainly(facet: Facet) -> bool:
    """Whether nothing is asked but the commonest values."""
    return facet.order == "count" and facet.search is None and facet.under is None and facet.depth is None


def _check_options(facet: Facet, place: int, *, attribute: bool) -> None:
    where = f"facets[{place}]"
    numbers = facet.field in NUMBERS
    for name, given in (("under", facet.under), ("depth", facet.depth)):
        if given is not None and facet.field != CATEGORY:
            raise InvalidRequest(f"{where}.{name}", "is for category alone; leave it out")
    for name, wanted in (
        ("ranges", bool(facet.ranges)), ("buckets", facet.buckets is not None), ("stats", facet.stats),
    ):  # fmt: skip
        if wanted and not (numbers or attribute):
            raise InvalidRequest(
                f"{where}.{name}", f"is for numbers: {', '.join(NUMBERS)} and attributes.<name>"
            )
    if numbers and (facet.search is not None or facet.order != "count"):
        name = "search" if facet.search is not None else "order"
        raise InvalidRequest(f"{where}.{name}", "is for values, and these are numbers; leave it out")
    if facet.ranges and facet.buckets is not None:
        raise InvalidRequest(f"{where}.buckets", "is given beside ranges; give one of them")
    for at, bounds in enumerate(facet.ranges):
        if bounds.gte is not None and bounds.lt is not None and bounds.gte >= bounds.lt:
            raise InvalidRequest(f"{where}.ranges[{at}]", "gte must be below lt")
