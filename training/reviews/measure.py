"""F1 of aspect and sense together on sentences that were written by hand and are in no training."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, get_args

from mmpipe.opinions.extract import Method, opinions_of

LANGUAGES: Final = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Measured:
    """Micro averages over all (sentence, aspect, sense)."""

    precision: float
    recall: float
    f1: float


def sentences(name: str) -> list[tuple[str, frozenset[str]]]:
    """Of a file of this folder, each sentence with its labels, as ``quality+``."""
    text = files("training.reviews").joinpath(f"{name}.tsv").read_text("utf-8")
    lines = (line.partition("\t") for line in text.splitlines())
    return [(sentence, frozenset(labels.split())) for sentence, _, labels in lines]


def measure(name: str, method: Method = "both") -> Measured:
    """Of the sentences of one file."""
    counts: Counter[str] = Counter()
    for sentence, wanted in sentences(name):
        found = {f"{o.aspect}{'+' if o.positive else '-'}" for o in opinions_of(sentence, method)}
        counts["right"] += len(found & wanted)
        counts["found"] += len(found)
        counts["wanted"] += len(wanted)
    precision = counts["right"] / max(1, counts["found"])
    recall = counts["right"] / max(1, counts["wanted"])
    both = precision + recall
    return Measured(precision, recall, 2 * precision * recall / both if both else 0.0)


def table() -> str:
    """The figures of the held-out sets, a line for each language and method."""
    lines = ["language  method      precision  recall  F1\n"]
    for language in LANGUAGES:
        for method in get_args(Method):
            found = measure(f"heldout_{language}", method)
            lines.append(
                f"{language:8}  {method:10}  {found.precision:9.3f}  {found.recall:6.3f}  {found.f1:.3f}\n"
            )
    return "".join(lines)
