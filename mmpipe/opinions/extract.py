"""Opinions of a text: the classifier's score of a clause, moved by what the lexicon finds in it."""

from __future__ import annotations

from typing import Final, Literal

from mmpipe.lexical import fold
from mmpipe.opinions.classifier import scores
from mmpipe.opinions.lexicon import Says, says
from mmpipe.opinions.sentences import Span, clauses, sentences
from mmpipe.schemas.review import ASPECTS, MAX_QUOTE, AspectName, Opinion

# Which of the two is asked; apart from each other for measuring alone.
Method = Literal["both", "lexicon", "classifier"]
# Log-odds that a word of the lexicon is worth, and those above which something is said, chosen on sentences
# that are in no figure (training/reviews/tuning_*.tsv).
LEXICON_WORTH: Final = 6.0
THRESHOLD: Final = -0.5
_MOST_SENTENCES: Final = 60


def opinions_of(text: str, method: Method = "both") -> list[Opinion]:
    """What a review's text says, in the order of its sentences: each aspect at most once a sentence and
    sense. The span is the sentence, or the clause where the sentence is longer than a quotation may be.

    Reads the first 60 sentences.
    """
    found: list[Opinion] = []
    for sentence in sentences(text, _MOST_SENTENCES):
        parts = clauses(text, sentence)
        told: dict[tuple[AspectName, bool], Span] = {}
        for span, said in zip(parts, _said(text, parts, method), strict=True):
            for aspect, sign in said.items():
                told.setdefault((aspect, sign > 0), span)
        whole = sentence.end - sentence.start <= MAX_QUOTE
        for (aspect, positive), span in told.items():
            at = sentence if whole else span
            found.append(Opinion(aspect=aspect, positive=positive, start=at.start, end=at.end))
    return found


def _said(text: str, parts: list[Span], method: Method) -> list[Says]:
    folded = [fold(text[span.start : span.end]) for span in parts]
    by_words = [says(clause) for clause in folded]
    if method == "lexicon" or not folded:
        return by_words
    odds = scores(folded)
    if method == "both":
        for row, words in enumerate(by_words):
            for place, aspect in enumerate(ASPECTS):
                sign = words.get(aspect, 0)
                odds[row, 2 * place] += LEXICON_WORTH * (sign > 0) - LEXICON_WORTH * (sign < 0)
                odds[row, 2 * place + 1] += LEXICON_WORTH * (sign < 0) - LEXICON_WORTH * (sign > 0)
    found: list[Says] = []
    for row in odds:
        said: Says = {}
        for place, aspect in enumerate(ASPECTS):
            good, bad = float(row[2 * place]), float(row[2 * place + 1])
            if max(good, bad) > THRESHOLD:
                said[aspect] = 1 if good > bad else -1
        found.append(said)
    return found
