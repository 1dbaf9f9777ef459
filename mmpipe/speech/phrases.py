"""What a shopper's spoken sentence may be: shopping phrases around the catalogue's own words.

The sentences are drawn, not listed: an opening, one to four catalogue phrases joined as people join them, a
closing. The model counts them, so words that the catalogue puts side by side stay likely side by side, and
everything else can still be said.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

OPENINGS = (
    "", "i want", "i'd like", "i would like", "i need", "i'm looking for", "i am looking for", "show me",
    "find me", "find", "search for", "look for", "do you have", "have you got", "can i get", "can i have",
    "could i get", "could i have", "may i have", "can you get me", "can you find me", "could you show me",
    "please show me", "give me", "get me", "let me get", "let me have", "i'll have", "i'll take",
    "i will take", "order", "buy", "bring me", "make me", "please get me", "hi can i get", "hello i'd like",
    "hey i want", "i'd love", "can i please have", "could you make me", "what about", "how about",
    "something like",
)  # fmt: skip
ARTICLES = ("", "", "a", "a", "an", "the", "some", "any", "one", "two", "my")
JOINTS = (
    "", "", "with", "with", "and", "and", "in", "with a", "and a", "for", "of", "without", "or", "but with",
    "plus",
)  # fmt: skip
AMOUNTS = (
    "a little",
    "a lot of",
    "lots of",
    "a bit of",
    "some",
    "a little bit of",
    "extra",
    "less",
    "no",
    "more",
)
CLOSINGS = ("", "", "", "please", "thanks", "thank you", "for me", "for me please", "if you have it", "to go")
_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LONGEST_NUMBER = 4
_LONGEST_PHRASE = 12


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are said: lower case, accents removed, numbers in words.

    Scripts other than Latin have no words here; a run of more than four digits is read digit by digit.
    """
    folded = unicodedata.normalize("NFKD", text.lower().replace("\u2019", "'"))
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    found: list[str] = []
    for run in _WORDS.findall(plain):
        found += number_words(run) if run.isdigit() else [run]
    return found


def number_words(digits: str) -> list[str]:
    """``"16"`` to ``["sixteen"]``."""
    if len(digits) > _LONGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
        return [_ONES[int(digit)] for digit in digits]
    return _below_ten_thousand(int(digits)) or [_ONES[0]]


def _below_ten_thousand(number: int) -> list[str]:
    if number >= 1_000:
        return [_ONES[number // 1_000], "thousand", *_below_ten_thousand(number % 1_000)]
    if number >= 100:
        return [_ONES[number // 100], "hundred", *_below_ten_thousand(number % 100)]
    if number >= 20:
        return [_TENS[number // 10], *_below_ten_thousand(number % 10)]
    return [_ONES[number]] if number else []


def phrases_of(texts: Sequence[str], most_words: int) -> list[list[str]]:
    """The texts as spoken phrases: unique, in order, of the ``most_words`` commonest words only.

    A phrase is cut where a rarer word stood, so that its words stay neighbours only where they were.
    """
    spoken = [spoken_words(text) for text in texts]
    counts = Counter(word for words in spoken for word in words)
    kept = {word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most_words]}
    found: dict[tuple[str, ...], None] = {}
    for words in spoken:
        run: list[str] = []
        for word in [*words, None]:
            if word is not None and word in kept and len(run) < _LONGEST_PHRASE:
                run.append(word)
                continue
            if run:
                found.setdefault(tuple(run))
            run = [word] if word is not None and word in kept else []
    return [list(phrase) for phrase in found]


def sentences(phrases: Sequence[Sequence[str]], count: int, seed: int = 11) -> list[list[str]]:
    """``count`` drawn sentences, then every phrase by itself; deterministic by ``seed``."""
    rng = random.Random(seed)  # noqa: S311  draws sentences, guards nothing
    drawn: list[list[str]] = []
    for _ in range(count if phrases else 0):
        words = [*rng.choice(OPENINGS).split(), *rng.choice(ARTICLES).split()]
        for number in range(rng.choice((1, 1, 2, 2, 3, 4))):
            if number:
                words += rng.choice(JOINTS).split()
            if rng.random() < 0.2:
                words += rng.choice(AMOUNTS).split()
            words += _part(rng.choice(phrases), rng)
        drawn.append([*words, *rng.choice(CLOSINGS).split()])
    return [*drawn, *(list(phrase) for phrase in phrases)]


def _part(phrase: Sequence[str], rng: random.Random) -> list[str]:
    """The phrase, or a run of its words: nobody says a whole product title."""
    if len(phrase) <= 2 or rng.random() < 0.5:
        return list(phrase)
    length = rng.randint(1, min(4, len(phrase)))
    start = rng.randint(0, len(phrase) - length)
    return list(phrase[start : start + length])
