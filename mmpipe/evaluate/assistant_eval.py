"""The assistant over judged conversations: right products or right refusals, and claims that hold.

Every claim is checked by machine: its quote is a part of that product's field (of a review's text), and its
value is a part of the quote and of the answer, where the claim says that it stands.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpipe.assistant import Assistant, ReviewSentence, field_text
from mmpipe.assistant.evidence import split
from mmpipe.assistant.whole import WholeShop
from mmpipe.errors import InvalidFeed, InvalidRequest
from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import carry, load_profile
from mmpipe.opinions import opinions_of
from mmpipe.schemas.assistant import AssistantRequest
from mmpipe.search import LiveVersions, Searcher, encode

if TYPE_CHECKING:
    from mmpipe.schemas.assistant import AssistantResponse, Claim
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.settings import Settings

COLLECTION: Final = "eval"
M = TypeVar("M", bound=BaseModel)
Figures = dict[str, float | int]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JudgedTurn(_Line):
    """What is said, and what is right. ``products`` are those that may be shown, ``winner`` who must be
    ahead, ``value`` a part of a claim about one of the products, ``declined`` the reasons of which one must
    be given (``smalltalk``: a greeting and the like answered as such), ``ask`` what must be asked back,
    ``never`` words that the answer must not have. Without ``kind`` it is not judged."""

    say: str
    kind: str | None = None
    products: list[str] = Field(default_factory=list)
    winner: str | None = None
    value: str | None = None
    declined: list[str] = Field(default_factory=list)
    ask: str | None = None
    never: list[str] = Field(default_factory=list)


class Conversation(_Line):
    """Turns of one conversation."""

    language: str
    turns: list[JudgedTurn]


class WrittenReview(_Line):
    """A review."""

    product_id: str
    review_id: str
    text: str


@dataclass(frozen=True)
class WrittenReviews:
    """Reviews of a file."""

    of: Mapping[str, Sequence[WrittenReview]] = field(default_factory=dict)

    async def sentences(self, product_id: str, most: int) -> Sequence[ReviewSentence]:
        """See :class:`~mmpipe.assistant.shop.Reviews`."""
        held = self.of.get(product_id, ())
        return [
            ReviewSentence(each.review_id, said, {one.aspect: one.positive for one in opinions_of(said)})
            for each in held
            for said in split(each.text)
        ][:most]


@dataclass
class Judged:
    """What came of one turn; ``why`` it is wrong, None where it is right."""

    language: str
    kind: str
    say: str
    why: str | None
    claims: int
    held: int
    ms: float
    searches: int


@dataclass(frozen=True)
class Report:
    """Figures over all turns, and by kind and language; ``wrong`` are the turns that were."""

    all: Figures
    by_kind: dict[str, Figures]
    by_language: dict[str, Figures]
    wrong: list[dict[str, str]]


def run(settings: Settings, products: Sequence[Path], turns: Path, reviews: Path | None = None) -> Report:
    """Index ``products`` into a temporary lake and hold every conversation of ``turns``.

    Raises :class:`InvalidRequest` for files that are none and :class:`InvalidFeed` where one indexes nothing.
    """
    talks = list(_lines(turns, "turns", Conversation))
    written: dict[str, list[WrittenReview]] = {}
    for each in () if reviews is None else _lines(reviews, "reviews", WrittenReview):
        written.setdefault(each.product_id, []).append(each)
    with tempfile.TemporaryDirectory(prefix="mmpipe-eval-") as folder:
        lake = settings.lake.model_copy(update={"uri": folder})
        here = settings.model_copy(update={"lake": lake})
        carry(here.indexing.profile, settings, here)
        for path in products:
            record = execute_file(here, path, COLLECTION)
            if record.status != "done" or record.error or not record.indexed + record.unchanged:
                raise InvalidFeed(f"{path}: {record.error or 'no row could be indexed'}")
        loaded = load_profile(here.indexing.profile, here, threads=settings.serve.encoder_threads)
        store = LiveVersions(here, open_lake(here))
        try:
            version = store.get(COLLECTION)
            shop = WholeShop(
                version, Searcher(loaded.profile, here.serve), partial(encode, loaded=loaded, media={})
            )
            assistant = Assistant(shop, WrittenReviews(written), COLLECTION, version.label)
            judged = asyncio.run(_all(assistant, shop, talks, written))
        finally:
            store.close()
    if not judged:
        raise InvalidRequest("turns", f"{turns.name} has no turn with a kind")
    return Report(
        _figures(judged),
        {kind: _figures([j for j in judged if j.kind == kind]) for kind in sorted({j.kind for j in judged})},
        {
            each: _figures([j for j in judged if j.language == each])
            for each in sorted({j.language for j in judged})
        },
        [{"kind": j.kind, "say": j.say, "why": j.why} for j in judged if j.why is not None],
    )


async def _all(
    assistant: Assistant,
    shop: WholeShop,
    talks: Sequence[Conversation],
    reviews: Mapping[str, Sequence[WrittenReview]],
) -> list[Judged]:
    found: list[Judged] = []
    for talk in talks:
        state: str | None = None
        for turn in talk.turns:
            answer = await assistant.answer(AssistantRequest(text=turn.say, state=state))
            state = answer.state
            if turn.kind is None:
                continue
            ids = list(dict.fromkeys(claim.product_id for claim in answer.claims))
            products = {each.id: each for each in await shop.products(ids)}
            held = sum(holds(answer, claim, products, reviews) for claim in answer.claims)
            why = _why_wrong(turn, answer)
            found.append(
                Judged(
                    talk.language, turn.kind, turn.say, why, len(answer.claims), held,
                    answer.took_ms, answer.searches,
                )
            )  # fmt: skip
    return found


def holds(
    answer: AssistantResponse,
    claim: Claim,
    products: Mapping[str, PublicProduct],
    reviews: Mapping[str, Sequence[WrittenReview]],
) -> bool:
    """Whether a claim's evidence is where it says, and holds the claim."""
    product = products.get(claim.product_id)
    if product is None:
        return False
    if claim.field.startswith("reviews."):
        name = claim.field.removeprefix("reviews.")
        text = next((r.text for r in reviews.get(product.id, ()) if r.review_id == name), "")
    else:
        text = field_text(product, claim.field) or ""
    return (
        bool(claim.quote)
        and claim.quote in text
        and claim.value in claim.quote
        and answer.text[claim.start : claim.end] == claim.value
    )


def _why_wrong(turn: JudgedTurn, answer: AssistantResponse) -> str | None:
    """What is not as it should be, None where all is."""
    shown = [each.id for each in answer.products]
    text = answer.text.casefold()
    said = [word for word in turn.never if word.casefold() in text]
    if said:
        return f"says {said[0]!r}"
    if turn.declined:
        claimed = [claim for claim in answer.claims if not claim.field.endswith("title")]
        if (answer.declined or answer.kind) in turn.declined and not [
            c for c in claimed if not c.field.startswith("rating")
        ]:
            return None
        return f"{answer.declined or answer.kind}: {answer.text[:120]}"
    if answer.declined is not None:
        return f"declined ({answer.declined}): {answer.text[:120]}"
    if turn.ask is not None and (answer.question is None or answer.question.slot != turn.ask):
        return "asks nothing of the kind"
    if turn.kind == "compare":
        if not answer.comparison or not set(turn.products) <= answer.comparison[0].claims.keys():
            return f"compares {shown}: {answer.text[:120]}"
        if turn.value is not None:  # what differs is asked, not who is ahead
            told = [each.value for each in answer.claims]
            return None if any(turn.value in each for each in told) else f"claims {told}"
        ahead = answer.comparison[0].winner
        return None if ahead == turn.winner else f"{ahead} is ahead: {answer.text[:120]}"
    if not shown or not set(shown) <= set(turn.products):
        return f"shows {shown}, relaxed {answer.relaxed}"
    if turn.value is None:
        # Words that nothing says are told, and right to tell; a value of the catalogue is another matter.
        left_out = [each for each in answer.relaxed if ": " in each or "：" in each]
        return f"left out {left_out}" if left_out else None
    claims = [c for c in answer.claims if c.product_id in turn.products and not c.field.endswith("title")]
    if turn.kind == "reviews":
        claims = [c for c in claims if c.field.startswith("reviews.")]
    if any(turn.value.casefold() in claim.value.casefold() for claim in claims):
        return None
    return f"claims {[claim.value for claim in claims]}"


def _figures(judged: Sequence[Judged]) -> Figures:
    claims = sum(each.claims for each in judged)
    times = [each.ms for each in judged]
    kinds = Counter(each.why is None for each in judged)
    found: Figures = {
        "turns": len(judged),
        "right": round(kinds[True] / len(judged), 4),
        "claims": claims,
        "claims_held": round(sum(each.held for each in judged) / claims, 4) if claims else 1.0,
        "turn_ms_p50": round(median(times), 2),
        "turn_ms_p95": round(quantiles(times, n=20)[-1], 2) if len(times) > 1 else round(times[0], 2),
        "searches_max": max(each.searches for each in judged),
    }
    return found


def _lines(path: Path, name: str, model: type[M]) -> Iterator[M]:
    if not path.is_file():
        raise InvalidRequest(name, f"no file at {path}")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, first["loc"])) or "line"
                raise InvalidRequest(name, f"line {number}: {place}: {first['msg']}") from error


def as_json(report: Report) -> dict[str, Any]:
    """The report as ``--json`` prints it."""
    return asdict(report)
