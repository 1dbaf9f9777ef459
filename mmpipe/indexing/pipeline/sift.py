"""Which products of an upload are as the table has them: told by digests and by asking, without reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmpipe.indexing.pipeline.hashes import content_digest, reading_digest
from mmpipe.indexing.pipeline.media import MediaPlan, plan_media
from mmpipe.indexing.pipeline.result import Write
from mmpipe.indexing.pipeline.seen import UNKNOWN, UNUSABLE, Look, Remembered, ask, still, words_in, words_of
from mmpipe.lake.changes import Seen, seen_table
from mmpipe.media import Asker

if TYPE_CHECKING:
    from datetime import datetime

    from mmpipe.encoders.base import Modality, Profile
    from mmpipe.indexing.pipeline.due import Work
    from mmpipe.indexing.pipeline.held import HeldRows
    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.media.https import HttpsClient
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings


class Sieve:
    """Sifts products under the settings, for the modalities that a profile encodes. No encoder is needed.
    Safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        store_for: Callable[[str], ObjectStore],
        https: HttpsClient | None = None,
    ) -> None:
        self.encodable: frozenset[Modality] = frozenset(
            m for m in settings.indexing.modalities if m in profile.encoders
        )
        self._media = settings.media
        self._asker = Asker(settings.media, store_for, https=https)
        self._reading = reading_digest(settings)

    def plan(self, work: Work) -> MediaPlan:
        """What the product's media are."""
        row = work.row
        return plan_media(work.product, row.inline_media, row.source.root, self._media, self.encodable)

    def sift(self, works: Sequence[Work], held: HeldRows, result: ChunkResult) -> list[Work]:
        """The products that are not as they were, each with its digest and what asking about its media gave;
        the others go to ``result``.

        Raises ``RetryableError`` where an object store does not answer.
        """
        trust = self._media.trust_seconds
        digested = [self._digested(work) for work in works]
        claims = {place: _claim(work, held) for place, work in enumerate(digested) if _may_be(work, held)}
        with_media = {place: claim for place, claim in claims.items() if claim.uris}
        answers = dict(zip(with_media, still(list(with_media.values()), self._asker, trust), strict=True))
        left: list[Work] = []
        found: list[Seen] = []
        for place, work in enumerate(digested):
            claim, answer = claims.get(place), answers.get(place)
            if claim is None or (claim.uris and answer is None):
                left.append(work)
                continue
            found.append(_seen(work, held, None if answer is None else answer.at))
            self._note(work, claim, result)
        if found:
            result.changes.seen.append(seen_table(found))
        return self._asked(left, held, trust)

    def _digested(self, work: Work) -> Work:
        row = work.row
        digest = content_digest(work.product, row.inline_media, row.source.root, self._reading)
        work.content = digest
        return work

    def _asked(self, works: list[Work], held: HeldRows, trust: float) -> list[Work]:
        """The products with what is known of their media, whatever else of them changed."""
        looks: dict[int, Look] = {}
        for place, work in enumerate(works):
            known = work.known_row
            if known is not None and work.row.asked is None and _has_media(work):
                words = words_of(held.media_uris(known), held.media_seen(known))
                looks[place] = Look(self.plan(work), words, held.media_asked(known))
        for place, asked in zip(looks, ask(list(looks.values()), self._asker, trust), strict=True):
            works[place] = replace(works[place], asked=asked)
        return works

    def _note(self, work: Work, claim: Remembered, result: ChunkResult) -> None:
        run_id = work.row.source.run_id
        counts = result.of_run(run_id)
        counts.unchanged += 1
        for name, number in self._pictures(work, claim).items():
            counts.pictures[name] += number
        result.writes.append(Write(work.product.id, work.row.order, run_id, "seen"))

    def _pictures(self, work: Work, claim: Remembered) -> dict[str, int]:
        product, inline = work.product, "image_link" in work.row.inline_media
        if inline or not (product.image_link or product.additional_image_link):
            return {"found": int(inline), "missing": 0, "none": int(not inline)}
        if not (product.additional_image_link or product.audio_link or product.video_link):
            found = any(_is_usable(word) for word in claim.words)
            return {"found": int(found), "missing": int(not found), "none": 0}
        plan, words = self.plan(work), dict(zip(claim.uris, claim.words, strict=True))
        refs = plan.refs.get("image", ())
        usable = sum(any(_is_usable(words.get(uri, UNKNOWN)) for uri in ref.addresses) for ref in refs)
        refused = sum("image_link" in error.field for error in plan.errors)
        return {"found": usable, "missing": len(refs) - usable + refused, "none": 0}


def _may_be(work: Work, held: HeldRows) -> bool:
    """Whether the product was uploaded as the table has it, as far as can be told without its media."""
    known = work.known_row
    # What whoever read the upload has sifted is left for a reason.
    if known is None or work.row.asked is not None or held.content(known) != work.content:
        return False
    stock = held.stock(known)
    return stock is None or stock >= work.row.order  # else the upload's own word on the stock is newer


def _claim(work: Work, held: HeldRows) -> Remembered:
    if work.known_row is None:
        raise ValueError(f"the table has no product {work.product.id!r}")
    uris, seen = held.media_uris(work.known_row), held.media_seen(work.known_row)
    return Remembered(uris, words_in(uris, seen), held.media_asked(work.known_row))


def _seen(work: Work, held: HeldRows, asked: datetime | None) -> Seen:
    if work.known_row is None:
        raise ValueError(f"the table has no product {work.product.id!r}")
    product, basis = work.product, held.basis(work.known_row)
    return Seen(product.id, work.row.order, product.item_group_id, basis, media_asked=asked)


def _has_media(work: Work) -> bool:
    product = work.product
    return bool(
        product.image_link or product.additional_image_link or product.audio_link or product.video_link
    )


def _is_usable(word: str) -> bool:
    return len(word) > 1 and not word.startswith(UNUSABLE)
