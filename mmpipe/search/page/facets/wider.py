"""The rows of disjunctive facets: the matches, and what would match but for the filter on their field."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.conditions import And, Condition, comparisons
from mmpipe.schemas.search import Filters
from mmpipe.search.columns.dictionaries import fold
from mmpipe.search.page.facets.asked import ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.schemas.search import Facet, SearchRequest
    from mmpipe.search.find.question import Question

Words = NDArray[np.uint64]


def without(question: Question, request: SearchRequest, facet: Facet) -> Question | None:
    """The question without what the request itself says of the facet's field, in ``filters`` and, as far as
    it must hold by itself, in ``filter``; None where that is nothing, or the facet is not disjunctive."""
    if not facet.disjunctive:
        return None
    filters = _filters(request.filters, facet.field)
    condition = None if request.filter is None else _rest(request.filter, facet.field)
    if filters is request.filters and condition is request.filter:
        return None
    conditions = [each for each in question.conditions if each is not request.filter]
    if condition is not None:
        conditions.insert(0, condition)
    # What is found follows from neither taste nor lifts.
    return replace(question, filters=filters, conditions=tuple(conditions), taste=None, lifts=())


def rows(matches: Words, allowed: Words, wide: Callable[[], Words]) -> Words:
    """The matches, and of what a wider question finds, ``wide``, whatever is not ``allowed`` as it is: of the
    chosen values exactly the matches count."""
    return matches | (wide() & ~allowed)


def _filters(filters: Filters, field: str) -> Filters:
    if field.startswith(ATTRIBUTE):
        wanted = fold(field.removeprefix(ATTRIBUTE))
        left = {name: values for name, values in filters.attributes.items() if fold(name) != wanted}
        if len(left) == len(filters.attributes):
            return filters
        return filters.model_copy(update={"attributes": left})
    if getattr(filters, field, None) is None:
        return filters
    return filters.model_copy(update={field: None})


def _rest(condition: Condition, field: str) -> Condition | None:
    """A condition without the parts of it that are of the field alone; None where nothing is left."""
    if _is_of(condition, field):
        return None
    if isinstance(condition, And):
        left = [_rest(part, field) for part in condition.parts]
        if any(one is not other for one, other in zip(left, condition.parts, strict=True)):
            return And.model_construct(parts=tuple(part for part in left if part is not None))
    return condition


def _is_of(condition: Condition, field: str) -> bool:
    if not field.startswith(ATTRIBUTE):
        return all(each.field == field for each in comparisons(condition))
    wanted = fold(field.removeprefix(ATTRIBUTE))
    return all(each.kind == "attribute" and fold(each.attribute) == wanted for each in comparisons(condition))
