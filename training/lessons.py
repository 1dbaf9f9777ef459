"""What a text tower learns words from, and which of their features get a row.

Made of what ``python -m training.words`` wrote, of every dictionary entry that may be a thing, and of made-up
products of a shop. Nothing of ``benchmarks/words/unknown.tsv`` is in it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.features import PART_SEPARATOR, Vocabulary, feature_key, named_features
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.errors import ModelUnavailable
from mmpipe.learn.captions import CAPTIONS
from mmpipe.learn.data import Item
from mmpipe.learn.draws import draws
from mmpipe.learn.views import attribute_query, choose_fields, translated_title
from training.renders import render_products, text_of
from training.word_forms import BRANDS, FINISHES, LOOKS, SHELVES, TAILS
from training.words import dictionary, shop_groups, shop_names, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.lake.synonyms import Group

_ASKED = 16_000
_RENDERS, _RENDER_SEED = 6_000, 1_000
# How near to a word of the shop a dictionary's word must come to be drawn more often than the least.
_ELSEWHERE, _LEAST = 0.25, 0.02
# How much a text of each source says for giving a feature a row, and a feature of each kind.
_GROUP, _BILINGUAL, _TEXT, _ENTRY, _ANCHOR = 6.0, 3.0, 1.0, 1.0, 0.5
_KINDS = {"w": 2.5, "z": 1.6, "g": 0.55, "b": 0.25}


@dataclass(frozen=True)
class Lessons:
    """What the tower learns from.

    ``things`` are MiniLM's vectors of the groups' first English words, ``entries`` a dictionary's English
    and Chinese, ``meanings`` MiniLM's vectors of their English and ``weights`` how often each is drawn;
    ``e5`` are vectors of the first of the ``texts``, ``minilm`` of all that are English (zeros elsewhere).
    ``anchors`` are texts whose vectors stay, by kind.
    """

    groups: Sequence[Group]
    things: NDArray[np.float16]
    entries: Sequence[tuple[str, str]]
    meanings: NDArray[np.float16]
    weights: Sequence[float]
    texts: Sequence[str]
    e5: NDArray[np.float16]
    minilm: NDArray[np.float16]
    anchors: Mapping[str, Sequence[str]]

    @cached_property
    def drawn(self) -> list[float]:
        """The running sum of the weights."""
        return list(accumulate(self.weights))


def read_lessons(data: Path, words: Path) -> Lessons:
    """From the data sets and the folder that ``training.words`` wrote; :class:`ModelUnavailable` where that
    is of other words."""
    every_group = shop_groups()
    groups = [group for group in every_group if group.en and group.zh]
    every = dictionary(data / "zh" / "cedict.txt.gz")
    glosses = {text: row for row, text in enumerate(sorted({en for en, _ in every}))}
    named = {text: row for row, text in enumerate(shop_names(every_group))}
    vectors, names = np.load(words / "glosses.npy"), np.load(words / "names.npy")
    if (len(vectors), len(names)) != (len(glosses), len(named)):
        raise ModelUnavailable(f"{words} is of other words: run python -m training.words again")
    keep_out = unknown()
    entries = [(en, zh) for en, zh in every if not keep_out.search(en) and not keep_out.search(zh)]
    meanings = vectors[[glosses[en] for en, _ in entries]]
    wide = names.astype(np.float32)
    near = np.concatenate(
        [(meanings[i : i + 4096].astype(np.float32) @ wide.T).max(1) for i in range(0, len(meanings), 4096)]
    )
    return Lessons(
        groups=groups,
        things=names[[named[group.en[0].lower()] for group in groups]],
        entries=entries,
        meanings=meanings,
        weights=(np.maximum(near - _ELSEWHERE, _LEAST) ** 2).tolist(),
        texts=(words / "texts.txt").read_text(encoding="utf-8").splitlines(),
        e5=np.load(words / "e5.npy"),
        minilm=np.load(words / "minilm.npy"),
        anchors=anchors(data, draws(0, "anchors")),
    )


def anchors(data: Path, rng: random.Random) -> dict[str, list[str]]:
    """Texts that pictures and sounds are found by, by kind.

    Of KAGL's split ``train`` titles, what is asked (attributes in both languages, titles in part in Chinese)
    and article types; what the sample's generator says of products of another seed, in both languages; and
    names: of kinds of sound and product, and of groceries.
    """
    import pyarrow.parquet as pq

    columns = {"type": "article_type", "colour": "base_colour", "gender": "gender", "usage": "usage"}
    path = data / "kagl" / "catalogue.parquet"
    rows = pq.read_table(path, columns=["id", "title", "split", *columns.values()]).to_pylist()
    concepts = load_glossary().by_concept
    rows = [row for row in rows if row["split"] == "train"]
    asked: dict[str, None] = {}
    for row in rng.sample(rows, min(_ASKED, len(rows))):
        terms = {field: concepts.get(f"{field}/{str(row[name]).lower()}") for field, name in columns.items()}
        item = Item(row["id"], row["title"], row["title"], None, {f: t for f, t in terms.items() if t})
        language = rng.choice(("en", "zh"))
        asked.setdefault(attribute_query(item, choose_fields(item, rng), language, rng))
        if rng.random() < 0.3:
            asked.setdefault(translated_title(row["title"], rng.choice((0.5, 1.0)), rng))
    made = render_products(_RENDERS, _RENDER_SEED)
    named = {words for captions in CAPTIONS.values() for words in captions}
    named |= {name for each in made for name in (each.category, each.product_type)}
    groceries = data / "grocery" / "products.parquet"
    if groceries.is_file():
        table = pq.read_table(groceries, columns=["title", "category"])
        named |= {name for row in table.to_pylist() for name in row.values()}
    said = [text for each in made for text in (each.title_en, each.title_zh, text_of(each))]
    return {
        "title": list(dict.fromkeys(row["title"] for row in rows)),
        "asked": list(asked),
        "type": sorted({row["article_type"] for row in rows}),
        "made": list(dict.fromkeys(said)),
        "named": sorted(named),
    }


def product(group: Group, rng: random.Random) -> str:
    """What the text encoder reads of a made-up product of a thing."""
    look = rng.choice(LOOKS)[0] if rng.random() < 0.4 else ""
    words = (rng.choice(BRANDS), look, rng.choice(group.en[:3]), rng.choice(TAILS))
    title = " ".join(word for word in words if word)
    if rng.random() < 0.4:
        title = f"{title}, {rng.choice(FINISHES)}"
    shelf = rng.choice(SHELVES) if rng.random() < 0.7 else ""
    parts = (title.title() if rng.random() < 0.5 else title, words[0], shelf)
    return PART_SEPARATOR.join(part for part in parts if part)


def query(group: Group, rng: random.Random) -> str:
    """How a shopper asks for a thing, in either language, now and then with a slip."""
    if rng.random() < 0.4:
        return rng.choice(group.zh)
    said = rng.choice(group.en)
    if rng.random() < 0.15 and len(said) > 5:
        at = rng.randrange(1, len(said) - 2)
        said = said[:at] + said[at + 1] + said[at] + said[at + 2 :]
    return said


def feature_names(lessons: Lessons) -> Counter[str]:
    """What each feature of the lessons' texts says for having a row, by its name."""
    glossary = load_glossary()
    bilingual = len(lessons.e5)
    sources = (
        (_GROUP, [text for group in lessons.groups for text in (*group.en, *group.zh)]),
        (_BILINGUAL, lessons.texts[:bilingual]),
        (_TEXT, lessons.texts[bilingual:]),
        (_ENTRY, [text for pair in lessons.entries for text in pair]),
        (_ANCHOR, [text for texts in lessons.anchors.values() for text in texts]),
    )
    said: Counter[str] = Counter()
    for much, texts in sources:
        for text in texts:
            for name in {name for name, _, _ in named_features(text, glossary)}:
                said[name] += much * _KINDS.get(name[0], 0.0)  # type: ignore[assignment]
    return said


def grown(vocabulary: Vocabulary, names: Counter[str], rows: int) -> Vocabulary:
    """The vocabulary with rows for those of ``names`` that say most, up to ``rows`` in all."""
    new = [name for name in names if feature_key(name) not in vocabulary.rows]
    new.sort(key=lambda name: (-names[name], name))
    keys = dict.fromkeys((*vocabulary.keys, *map(feature_key, new)))
    return Vocabulary(list(keys)[: max(rows, len(vocabulary))])
