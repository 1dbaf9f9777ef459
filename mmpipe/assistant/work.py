"""What a turn comes to: its kind decides what is looked up, and the conversation goes on from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import asking, changing, comparing, evidence, finding, references, telling, wishes
from mmpipe.assistant.aspects import plain_name
from mmpipe.assistant.grammar import without
from mmpipe.assistant.language import core
from mmpipe.assistant.outcome import Outcome
from mmpipe.assistant.reading import ASKS_FOR_VARIANT, COMPARES, WHICH_OF, Turn, last_clause, read
from mmpipe.assistant.state import MAX_SEEN, MAX_WORDS, Conversation, Wishes
from mmpipe.assistant.wording import better, field_name, words
from mmpipe.lexical import tokens
from mmpipe.schemas.assistant import Asked

if TYPE_CHECKING:
    from mmpipe.assistant.comparatives import Comparative
    from mmpipe.assistant.evidence import Evidence
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.shop import Bounded, Reviews
    from mmpipe.assistant.state import Name
    from mmpipe.schemas.product import PublicProduct

_FEW_WORDS: Final = 4


class Work:
    """What one turn needs at hand."""

    def __init__(self, shop: Bounded, reviews: Reviews, state: Conversation, language: Language) -> None:
        self._shop, self._reviews, self._state, self._language = shop, reviews, state, language

    async def do(self, text: str, limit: int, *, picture: bool) -> Outcome:
        """What a turn comes to."""
        liked = self._state.wishes.like
        if liked:
            there = tuple(each.id for each in await self._shop.products(liked))
            held = self._state.wishes.model_copy(update={"like": there})
            self._state = self._state.model_copy(update={"wishes": held})
        if picture:
            return await self._picture(text, limit)
        turn = read(
            text, self._language, shown=len(self._state.shown), looks=bool(self._state.wishes),
            compared=len(self._state.compared) > 1,
        )  # fmt: skip
        if self._state.pending == "product" and turn.intent in ("find", "refine") and self._state.question:
            text = f"{self._state.question} {text}"[:MAX_WORDS]
            turn = read(text, self._language, shown=len(self._state.shown), looks=True)
        match turn.intent:
            case "hello" | "thanks":
                return self._say(turn.intent)
            case "reset":
                return self._say("reset", Conversation(
                    collection=self._state.collection, language=self._language))  # fmt: skip
            case "service" | "off_topic":
                return self._decline(turn.intent, "off_topic")
            case "compare":
                return await self._compare(turn, limit)
            case "reviews" | "attribute":
                return await self._question(turn, limit)
            case "more":
                return await self._more(limit)
            case "similar":
                return await self._similar(turn, limit)
            case _:
                return await self._look(turn, limit)

    def _say(self, key: str, state: Conversation | None = None) -> Outcome:
        found = Outcome(state or self._state, "smalltalk")
        found.draft.add(words(key, self._language))
        return found

    def _decline(self, key: str, reason: str) -> Outcome:
        found = Outcome(self._state, "decline", declined=reason)
        found.draft.add(words(key, self._language))
        return found

    async def _picture(self, text: str, limit: int) -> Outcome:
        now = await wishes.said(self._shop, text, self._language) if text else wishes.Said()
        asked = wishes.joined(Wishes(), now)
        looked = await finding.look(self._shop, asked, picture=True)
        if not looked.products:
            return self._decline("nothing", "nothing_found")
        # The picture itself does not travel: what was found for it stands for it.
        like = tuple(each.id for each in looked.products[:1])
        looked = replace(looked, asked=looked.asked.model_copy(update={"like": like}))
        return self._list(looked, limit, "found_picture", fresh=True)

    async def _look(self, turn: Turn, limit: int) -> Outcome:
        state, best = self._state, turn.comparative
        shown = await self._shop.products(state.shown) if state.wishes else []
        change = changing.changed(turn.even) if state.wishes else changing.Change()
        if best is not None and not best.best and state.wishes:
            change = changing.steps_size(best, change, shown)
            best = None if change.step else best
        text = without(turn.said, change.spans) if change else turn.core or turn.said
        now = await wishes.said(self._shop, text, self._language)
        if best is not None:
            apart = await wishes.said(
                self._shop, without(turn.said, change.spans), self._language, (best.start, best.end)
            )
            # A price that is named says how cheap it is to be; *than* may be a part of it.
            priced = best.key == "price" and now.priced
            now = apart if not priced or apart.priced else now
            best = None if priced else best
        if best is not None and best.key == "price" and best.direction == "least":
            # *Too dear, say 700* has a bound that nothing else calls one.
            spans = [*change.spans, (best.start, best.end)]
            most = asking.amount_said(without(turn.even, spans))
            if most is not None:
                said = without(turn.said, [*spans, most[1]])
                now, best = replace(await wishes.said(self._shop, said, self._language), lte=most[0]), None
        if state.pending is not None and not (now.fields or now.priced or change):
            now = await asking.answered(self._shop, turn, state.pending, now, self._language)
        if turn.asks and "brand" in now.fields and now.subject and await references.called(self._shop, turn):
            return await self._question(turn, limit)
        now.refines = now.refines or wishes.REFINES.search(turn.even) is not None
        fresh = not turn.any and not change and wishes.begins_anew(state.wishes, now)
        dropped: tuple[str, ...] = ()
        if fresh and best is None:
            more = await self._goes_on(now)
            if more is not None:
                dropped = (now.subject,) if more.subject != now.subject else ()
                fresh, now = False, more
        former = Wishes() if fresh else state.wishes
        if change and not fresh:
            focus = [each for each in shown if each.id == state.focus] or shown
            former = changing.freed(former, change, focus)
            if change.step:
                sized = await self._sized(former, change.step, focus)
                if isinstance(sized, Outcome):
                    return sized
                former = sized
        if best is not None and not best.best and state.wishes and not fresh and state.shown:
            return await self._better(best, former, now, limit)
        asked = wishes.joined(former, now)
        if not asked and not now:
            return self._say("hello") if not turn.any else self._decline("nothing", "nothing_found")
        superlative = best if best is not None and (best.best or fresh) else None
        looked = await self._looked(former, now, asked, superlative)
        clause = None if looked.products else last_clause(turn.said)
        if clause is not None:
            now = await wishes.said(self._shop, core(clause, self._language), self._language)
            looked, fresh = await self._looked(Wishes(), now, wishes.joined(Wishes(), now), superlative), True
        if not looked.products:
            return self._decline("nothing", "nothing_found")
        looked = replace(looked, relaxed=(*map(wishes.LeftOut, dropped), *looked.relaxed))
        found = self._list(looked, limit, "found", fresh=fresh, by=superlative)
        return found if superlative is not None else asking.ask(found, looked, self._language)

    async def _goes_on(self, now: wishes.Said) -> wishes.Said | None:
        """What a turn that names no category tells more of what is looked for: all of it where something is
        so; its values and prices, where what else it says is so of nothing at all; None where it looks for
        something else."""
        if now.category or not self._state.wishes or not 0 < len(tokens(now.subject)) <= _FEW_WORDS:
            return None
        asked = wishes.joined(self._state.wishes, now)
        looked = await finding.look(self._shop, asked, strict=True)
        if looked.products and not looked.relaxed:
            return now
        if not (now.priced or now.nots or now.fields.keys() - {"brand"}):
            return None
        other = await finding.look(self._shop, wishes.joined(Wishes(), now), strict=True)
        # A word with a letter for another is none of theirs: *stay* finds stars.
        theirs = any(evidence.says(each, now.subject.split()) for each in other.products[:3])
        return None if theirs and not other.relaxed else replace(now, subject="")

    async def _sized(self, former: Wishes, step: int, shown: Sequence[PublicProduct]) -> Wishes | Outcome:
        """The wishes in the next size that there is; where there is none, the answer that says so."""
        product = next((each for each in shown if each.size), None)
        held = former.fields.get("size", (product.size if product is not None else None,))[0]
        if held is None:
            return former
        others = {name: values for name, values in former.fields.items() if name != "size"}
        looked = await finding.look(self._shop, former.model_copy(update={"fields": others}), strict=True)
        size = changing.next_size(held, step, looked.products)
        if size is not None:
            return former.model_copy(update={"fields": {**others, "size": (size,)}})
        found = Outcome(self._state, "decline", declined="nothing_found")
        if product is None:
            return self._decline("nothing", "nothing_found")
        own = evidence.of_field(product, "size")
        found.draft.say(
            words("no_size", self._language),
            title=evidence.title(product, self._language),
            value=held if own is None else own,
        )
        return found

    async def _similar(self, turn: Turn, limit: int) -> Outcome:
        """Products like one that was shown."""
        meant = await references.one(self._shop, turn, self._state)
        product = meant.product
        if product is None:
            return self._decline("which_product", "no_product")
        looked = await finding.look(self._shop, Wishes(like=(product.id,)), skip=(product.id,))
        if not looked.products:
            return self._decline("nothing", "nothing_found")
        return self._list(looked, limit, "more_of", fresh=True)

    async def _looked(
        self, former: Wishes, now: wishes.Said, asked: Wishes, best: Comparative | None
    ) -> finding.Looked:
        """Products for what is asked: with what is implied, where there are; where there are none, by the
        category that a turn names alone."""
        implied = {name: values for name, values in now.implied.items() if name not in asked.fields}
        if implied:
            closer = asked.model_copy(update={"fields": {**asked.fields, **implied}})
            looked = await finding.look(self._shop, closer, best=best, strict=True)
            if looked.products:
                return looked
        looked = await finding.look(self._shop, asked, best=best, keep=now.fields)
        if looked.products or not now.kind or set(tokens(now.subject)) <= set(tokens(now.kind)):
            return looked
        plain = wishes.joined(former, replace(now, subject=now.kind))
        looked = await finding.look(self._shop, plain, best=best)
        left = [word for word in now.subject.split() if not set(tokens(word)) <= set(tokens(now.kind))]
        return replace(looked, relaxed=(wishes.LeftOut(" ".join(left)), *looked.relaxed))

    async def _better(self, best: Comparative, former: Wishes, now: wishes.Said, limit: int) -> Outcome:
        """Products like those that were shown, with less or more of something."""
        state = self._state
        shown = await self._shop.products(state.shown)
        aspects = best.aspects
        held = [(each, finding.amount(each, aspects, self._language)) for each in shown]
        told = [(each, one) for each, one in held if one is not None and one.amount is not None]
        focus = [pair for pair in told if pair[0].id == state.focus]
        if not told:
            found = Outcome(state, "decline", declined="not_said")
            found.draft.say(
                words("cannot_compare", self._language), name=best.aspects[0].name(self._language)
            )
            return found
        if best.key == "price":
            # Cheaper is what costs less than all of what was shown; bigger than the first is bigger.
            told.sort(key=lambda pair: (pair[1].amount or 0.0) * (1 if best.direction == "least" else -1))
        product, reference = (focus or told)[0]
        asked = wishes.joined(former, now)
        if best.key == "price" and best.direction == "least":
            paid = product.effective_price(datetime.now(UTC))
            asked = asked.model_copy(update={"below": None if paid is None else paid.amount, "gte": now.gte})
            looked = await finding.look(self._shop, asked)
        else:
            if best.key == "price":
                asked = asked.model_copy(update={"lte": now.lte, "gte": _paid_more(product, now.gte)})
            looked = await finding.look(self._shop, asked, best=None)
            looked = replace(looked, products=tuple(finding.surpassing(looked.products, best, reference)))
        if not looked.products or any(each.field for each in looked.relaxed):
            found = Outcome(state, "decline", declined="nothing_found")
            found.draft.say(
                words("none_better", self._language),
                better=better(_aspect_key(best, reference), best.direction, self._language),
                title=evidence.title(product, self._language),
                value=reference,
            )
            return found
        return self._list(looked, limit, "found", fresh=False, by=best)

    async def _more(self, limit: int) -> Outcome:
        looked = await finding.look(self._shop, self._state.wishes, skip=self._state.seen)
        if not looked.products:
            return self._decline("no_more", "nothing_found")
        return self._list(looked, limit, "more_of", fresh=False)

    def _list(
        self, looked: finding.Looked, limit: int, head: str, *, fresh: bool, by: Comparative | None = None
    ) -> Outcome:
        """An answer that shows products, each with what it says of the wishes."""
        language, shown, asked = self._language, looked.products[:limit], looked.asked
        former = self._state
        ids = tuple(each.id for each in shown)
        seen = tuple(dict.fromkeys((*(() if fresh else former.seen), *ids)))[-MAX_SEEN:]
        state = former.model_copy(
            update={
                "wishes": asked, "shown": ids, "seen": seen, "compared": (), "focus": None, "pending": None,
                "question": "", "asked": () if fresh else former.asked,
            }
        )  # fmt: skip
        relaxed = tuple(each.told(language) for each in looked.relaxed)
        found = Outcome(state, "find", products=shown, relaxed=relaxed)
        draft = found.draft
        if looked.relaxed:
            draft.say(words("relaxed", language), what=("、" if language == "zh" else ", ").join(relaxed))
        else:
            draft.add(words("found_one" if head == "found" and len(shown) == 1 else head, language))
        aspects = () if by is None else by.aspects
        for number, each in enumerate(shown, start=1):
            draft.say(words("item", language), number=str(number), title=evidence.title(each, language))
            paid = evidence.price(each)
            if paid is not None:
                draft.say(words("item_price", language), price=paid)
            for wish in asked.fields:
                own = None if wish == "category" else evidence.of_field(each, wish)
                if own is not None:
                    draft.say(words("item_value", language), name=field_name(wish, language), value=own)
            told = finding.amount(each, aspects, language)
            if told is not None and not told.field.endswith("price"):
                name = next(
                    a.name(language) for a in aspects if evidence.of_aspect(each, a, language) == told
                )
                draft.say(words("item_value", language), name=name, value=told)
        return found

    async def _question(self, turn: Turn, limit: int) -> Outcome:
        meant = await references.one(self._shop, turn, self._state)
        language = self._language
        if meant.product is None:
            if meant.options:
                return self._which(turn, meant.options)
            if not self._state.shown and turn.aspect is None and not turn.points:
                return self._decline("off_topic", "off_topic")
            return self._decline("no_product" if not turn.points else "which_product", "no_product")
        product = meant.product
        shown = self._state.shown if product.id in self._state.shown else (product.id,)
        state = self._state.model_copy(
            update={"shown": shown, "focus": product.id, "pending": None, "question": ""}
        )
        if turn.intent == "reviews":
            found = Outcome(state, "reviews", products=[product])
            if not await telling.of_reviews(found.draft, self._reviews, product, turn.even, meant, language):
                found.kind, found.declined = "decline", "no_reviews"
            return found
        variants = await self._variants(turn, product, limit)
        if variants is not None:
            return variants
        # Where the whole is not told, what one of its clauses asks may be.
        for each in (meant, *references.parts(turn, product)):
            found = Outcome(state, "attribute", products=[product])
            if await telling.tell(found.draft, self._shop, product, each, language):
                return found
        opinions = Outcome(state, "reviews", products=[product])
        if await telling.of_reviews(
            opinions.draft, self._reviews, product, turn.even, meant, language, sure=True
        ):
            return opinions
        declined = Outcome(state, "decline", products=[product], declined="not_said")
        await telling.tell(declined.draft, self._shop, product, meant, language)
        return declined

    async def _variants(self, turn: Turn, product: PublicProduct, limit: int) -> Outcome | None:
        """The product in the colour or size that is asked for, else others that are so; None where it is
        another question, or is so itself."""
        if not (turn.points or turn.places) or not ASKS_FOR_VARIANT.search(turn.even):
            return None
        now = await wishes.said(self._shop, turn.core or turn.said, self._language)
        fields: dict[Name, tuple[str, ...]] = {
            name: values for name, values in now.fields.items() if name in ("color", "size")
        }
        if not fields or now.fields.keys() - fields.keys() or now.subject:
            return None
        found = await finding.siblings(self._shop, product, fields)
        if product.id in {each.id for each in found}:
            return None
        if not found:
            # Others of what is looked for; where nothing is, the product's own colour is the answer.
            return await self._look(turn, limit) if self._state.wishes else None
        asked = wishes.joined(self._state.wishes, replace(now, subject="", implied={}))
        return self._list(finding.Looked(asked, tuple(found)), len(found), "found", fresh=False)

    def _which(self, turn: Turn, options: Sequence[PublicProduct]) -> Outcome:
        language = self._language
        ids = tuple(each.id for each in options)
        state = self._state.model_copy(
            update={"shown": ids, "seen": ids, "focus": None, "pending": "product",
                    "question": turn.said[:MAX_WORDS]}
        )  # fmt: skip
        found = Outcome(state, "ask", products=options)
        found.draft.add(words("which_product", language))
        titles = [evidence.title(each, language) for each in options]
        for number, each in enumerate(titles, start=1):
            found.draft.say(words("item", language), number=str(number), title=each)
        found.question = Asked(slot="product", options=[each.value for each in titles])
        return found

    async def _chosen(self, turn: Turn, limit: int) -> Outcome | None:
        """Those that have the colour, size and the like of which it is asked which do: of those that were
        shown, else others; None where something else is asked."""
        if turn.comparatives or not self._state.wishes or not WHICH_OF.search(turn.even):
            return None
        now = await wishes.said(self._shop, turn.core or turn.said, self._language)
        if now.subject or now.priced or not now.fields:
            return None
        shown = await self._shop.products(self._state.shown)
        fitting = [
            each
            for each in shown
            if all(getattr(each, name, None) in values for name, values in now.fields.items())
        ]
        if not fitting:
            return await self._look(turn, limit)
        asked = wishes.joined(self._state.wishes, now)
        return self._list(finding.Looked(asked, tuple(fitting)), limit, "found", fresh=False)

    async def _compare(self, turn: Turn, limit: int) -> Outcome:
        chosen = await self._chosen(turn, limit)
        if chosen is not None:
            return chosen
        products = await references.several(self._shop, turn, self._state)
        language = self._language
        if len(products) < 2 and not turn.comparatives and not COMPARES.search(turn.even):
            return await self._question(turn, limit)
        if len(products) < 2:
            return self._decline("compare_need_two", "no_product")
        ids = tuple(each.id for each in products)
        shown = self._state.shown if set(ids) <= set(self._state.shown) else ids
        state = self._state.model_copy(
            update={"shown": shown, "compared": ids, "pending": None, "question": ""}
        )
        found = Outcome(state, "compare", products=products)
        found.rows, winner = comparing.compare(found.draft, products, turn, language)
        if winner is not None:
            found.state = state.model_copy(update={"focus": winner.id})
        if not found.rows:
            found.kind, found.declined = "decline", "not_said"
        return found


def _paid_more(product: PublicProduct, least: Decimal | None) -> Decimal | None:
    """What is asked at least of something dearer than a product."""
    paid = product.effective_price(datetime.now(UTC))
    return paid.amount if least is None and paid is not None else least


def _aspect_key(best: Comparative, reference: Evidence) -> str:
    """The aspect that a piece of evidence is of."""
    told = reference.field.rpartition(".")[2]
    named = (each.key for each in best.aspects if told == each.key or plain_name(told) in each.attributes)
    return next(named, best.aspects[0].key)
