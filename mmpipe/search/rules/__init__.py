"""Merchandising rules of a collection, as searches meet them.

A :class:`RuleBook` tells which rules take part in a search and what they come to together, its
:class:`Effects`. Rules are set as a whole and versioned (:mod:`mmpipe.lake.rules`).
"""

from mmpipe.search.rules.book import RuleBook
from mmpipe.search.rules.effects import Effects, effects_of

__all__ = ["Effects", "RuleBook", "effects_of"]
