"""Facets: counts of values and of ranges of numbers over exactly the matches.

Every count is what ``total`` would be among the same matches with that value as the filter: spellings that
differ in case are one value, a category path counts for its ancestors, and where variants are collapsed a
group counts once for all of its variants that match. A *disjunctive* facet (the usual one) leaves the filter
on its own field out, so that the values beside the chosen ones keep their numbers; the chosen ones' numbers
are those of the matches themselves (:mod:`mmpipe.search.page.facets.wider`).

Parts of a table that different processes hold are counted with :func:`raw` and put together with
:func:`finish`; the result is that of :func:`count` over all of their rows at once.
"""

from mmpipe.search.page.facets.asked import check
from mmpipe.search.page.facets.counted import Counted, Raw, count, finish, merge, raw, told
from mmpipe.search.page.facets.numbers import Value
from mmpipe.search.page.facets.wider import rows, without

__all__ = ["Counted", "Raw", "Value", "check", "count", "finish", "merge", "raw", "rows", "told", "without"]
