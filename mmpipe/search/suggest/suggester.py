"""Suggestions of one version, from memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from mmpipe.schemas.suggest import Language, Suggestion, SuggestionKind
from mmpipe.search.columns.kept import Latest
from mmpipe.search.suggest.index import Sought, sought
from mmpipe.search.suggest.names import Name, Names, brands, categories, names_of, queries
from mmpipe.search.suggest.spans import spans
from mmpipe.search.suggest.titles import PlacedPart, placed
from mmpipe.search.suggest.words import Word, spelling, words

if TYPE_CHECKING:
    from mmpipe.search.suggest.asked import Popular
    from mmpipe.search.versions.version import Version

# Answers kept: what is typed first is typed by everybody, and leads to the most entries.
_KEPT = 4_096
# The parts of a page that queries, categories and brands take before others may have more.
_SHARES: tuple[tuple[SuggestionKind, float], ...] = (("query", 0.4), ("category", 0.2), ("brand", 0.1))
# So many times more are looked at, for some are the same: titles in two parts, a query that is a category.
_SPARE = 2

T = TypeVar("T")


@dataclass(frozen=True)
class Suggester:
    """Of one version. Safe for use by many threads; :meth:`suggest` touches nothing but memory."""

    version: Version
    asked: Names
    categories: Names
    brands: Names
    titles: tuple[PlacedPart, ...]
    answers: Latest[tuple[Suggestion, ...]]

    @property
    def nbytes(self) -> int:
        """Bytes of titles and of the names' indexes in memory."""
        return sum(part.nbytes for part in self.titles) + sum(
            names.index.nbytes for names in (self.asked, self.categories, self.brands)
        )

    def suggest(self, typed: str, limit: int, lang: Language | None = None) -> tuple[Suggestion, ...]:
        """At most ``limit`` suggestions, kind by kind: queries, categories, brands, products, and within each
        the likeliest first. Nothing typed: what is asked most, and the largest categories and brands.

        All words must be in a suggestion, the last one at least begun. Where there is none, the words are
        taken for one (pinyin by syllables); then slips of the hand are allowed in words that nothing has.
        """
        said = words(typed)
        if not said and typed.strip():
            return ()
        whole = bool(said) and typed[-1:].isspace()
        key = (" ".join(word.text for word in said), whole, limit, lang)
        found = self.answers.get(key)
        if found is None:
            found = self._suggest(said, limit, lang, whole=whole)
            self.answers.put(key, found)
        return found

    def with_popular(self, popular: Iterable[Popular]) -> Suggester:
        """The same with other queries: those of ``popular`` that find something in this version."""
        asked = names_of(queries(self.version, popular), self.asked)
        if asked is self.asked:
            return self
        return replace(self, asked=asked, answers=Latest(_KEPT))

    def _suggest(
        self, said: list[Word], limit: int, lang: Language | None, *, whole: bool
    ) -> tuple[Suggestion, ...]:
        foreign = None if lang is None else lang == "zh"
        kinds: dict[SuggestionKind, list[Suggestion]] = {}
        if not said:
            for kind, names in self._named():
                kinds[kind] = [_named(kind, name, []) for name in names.first(limit, foreign=foreign)]
            return _shared(kinds, limit)
        wanted = sought(said, whole=whole)
        tries: list[tuple[list[Sought], bool]] = [(wanted, False)]
        if len(said) > 1 and all(word.letters for word in said):
            joined = "".join(word.text for word in said)
            tries.append(([Sought(joined, begins=not whole, letters=True)], False))
        tries.append((wanted, True))
        for words_, slips in tries:
            kinds = {
                kind: [
                    _named(kind, name, words_)
                    for _, name in names.find(words_, _SPARE * limit, slips=slips, foreign=foreign)
                ]
                for kind, names in self._named()
            }
            kinds["product"] = self._products(words_, limit, slips=slips, foreign=foreign)
            if any(kinds.values()):
                break
        return _shared(kinds, limit)

    def _named(self) -> tuple[tuple[SuggestionKind, Names], ...]:
        return (("query", self.asked), ("category", self.categories), ("brand", self.brands))

    def _products(
        self, wanted: Sequence[Sought], limit: int, *, slips: bool, foreign: bool | None
    ) -> list[Suggestion]:
        found = [
            (rank, part, entry)
            for part in self.titles
            for rank, entry in part.find(wanted, limit, slips=slips, foreign=foreign)
        ]
        if len(self.titles) > 1:
            found.sort(key=lambda each: each[0])
        shown: dict[str, Suggestion] = {}
        for _, part, entry in found:
            if len(shown) == limit:
                break
            title = part.title(entry)
            static = self.version.page.static(title.row)
            text = static["title"] or ""
            # Two parts may have the same.
            if text.casefold() not in shown:
                shown[text.casefold()] = Suggestion(
                    kind="product",
                    text=text,
                    spans=spans(text, wanted),
                    count=title.products,
                    product_id=static["id"],
                )
        return list(shown.values())


def make(version: Version, former: Suggester | None = None) -> Suggester:
    """The suggestions of a version, with the queries of ``former``, of any version before; whatever else did
    not change since is taken over too."""
    nothing = Names()
    return Suggester(
        version=version,
        asked=nothing if former is None else former.asked,
        categories=names_of(categories(version), nothing if former is None else former.categories),
        brands=names_of(brands(version), nothing if former is None else former.brands),
        titles=tuple(placed(version, () if former is None else former.titles)),
        answers=Latest(_KEPT),
    )


def _named(kind: SuggestionKind, name: Name, wanted: Sequence[Sought]) -> Suggestion:
    return Suggestion(
        kind=kind, text=name.text, spans=spans(name.text, wanted), count=name.count, value=name.value
    )


def _shared(kinds: dict[SuggestionKind, list[Suggestion]], limit: int) -> tuple[Suggestion, ...]:
    """A page of several kinds: each has its share, and what is left goes to queries, then products."""
    kinds = _distinct(kinds)
    taken = {kind: min(len(kinds.get(kind, ())), max(1, int(part * limit))) for kind, part in _SHARES}
    taken["product"] = 0
    left = limit
    for kind in taken:
        taken[kind] = min(taken[kind], left)
        left -= taken[kind]
    for kind in ("product", "query", "category", "brand"):
        more = min(left, len(kinds.get(kind, ())) - taken[kind])
        taken[kind] += more
        left -= more
    return tuple(each for kind, number in taken.items() for each in kinds.get(kind, ())[:number])


def _distinct(kinds: dict[SuggestionKind, list[Suggestion]]) -> dict[SuggestionKind, list[Suggestion]]:
    """Without queries that say no more than what a category or a brand is called."""
    named = {spelling(each.text) for kind in ("category", "brand") for each in kinds.get(kind, ())}
    return kinds | {"query": [each for each in kinds.get("query", ()) if spelling(each.text) not in named]}
