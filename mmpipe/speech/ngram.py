"""A trigram language model of what shoppers may say, built from the catalogue's own texts.

Interpolated Witten-Bell smoothing (Witten and Bell, 1991; Chen and Goodman, 1998, section 2.6)::

    p(w | h) = (c(hw) + T(h) p(w | h')) / (N(h) + T(h))

with ``N(h)`` the tokens and ``T(h)`` the distinct words seen after history ``h``, and ``h'`` the history
without its first word; unigrams are interpolated with the uniform distribution. An unseen continuation gets
``T(h) / (N(h) + T(h)) * p(w | h')``, which is exactly ARPA's back-off form, so the file loses nothing.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

START, END = "<s>", "</s>"
_NEVER = -99.0  # ARPA's log10 of the start symbol, which is never predicted

Gram = tuple[str, ...]


class NGramModel:
    """Counts of ``order``-grams over sentences (lists of words), smoothed; immutable once built."""

    def __init__(self, sentences: Iterable[Sequence[str]], order: int = 3) -> None:
        """Raises ``ValueError`` for no sentences or an order below 1."""
        if order < 1:
            raise ValueError("order must be at least 1")
        self.order = order
        self._followers: dict[Gram, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            padded = [START, *sentence, END]
            for place in range(1, len(padded)):
                for length in range(min(order - 1, place) + 1):
                    self._followers[tuple(padded[place - length : place])][padded[place]] += 1
        if not self._followers:
            raise ValueError("a language model needs at least one sentence")
        self.vocabulary = sorted(self._followers[()])

    def probability(self, word: str, history: Sequence[str] = ()) -> float:
        """``p(word | history)``; sums to 1 over :attr:`vocabulary` for any history. 0 for unknown words."""
        kept = tuple(history[max(0, len(history) - self.order + 1) :]) if self.order > 1 else ()
        while kept and kept not in self._followers:
            kept = kept[1:]
        if not kept:
            return self._unigram(word)
        follow = self._followers[kept]
        types, total = len(follow), follow.total()
        return (follow[word] + types * self.probability(word, kept[1:])) / (total + types)

    def _unigram(self, word: str) -> float:
        follow = self._followers[()]
        if word not in follow:
            return 0.0
        types = len(follow)
        return (follow[word] + 1.0) / (follow.total() + types)

    def _backoff(self, history: Gram) -> float | None:
        if history not in self._followers:
            return None
        follow = self._followers[history]
        return len(follow) / (follow.total() + len(follow))

    def arpa(self) -> str:
        """The model in the ARPA format, log10."""
        grams: list[list[Gram]] = [[(START,), *((word,) for word in self.vocabulary)]]
        for length in range(1, self.order):
            histories = sorted(h for h in self._followers if len(h) == length)
            grams.append([(*h, word) for h in histories for word in sorted(self._followers[h])])
        lines = ["\\data\\", *(f"ngram {n}={len(found)}" for n, found in enumerate(grams, start=1)), ""]
        for length, found in enumerate(grams, start=1):
            lines.append(f"\\{length}-grams:")
            for gram in found:
                score = _NEVER if gram == (START,) else math.log10(self.probability(gram[-1], gram[:-1]))
                backoff = self._backoff(gram) if length < self.order else None
                tail = "" if backoff is None else f"\t{math.log10(backoff):.5f}"
                lines.append(f"{score:.5f}\t{' '.join(gram)}{tail}")
            lines.append("")
        lines.append("\\end\\\n")
        return "\n".join(lines)
