"""Which products of an upload are as the table has them: told by digests and by asking, without reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmpipe.indexing.pipeline.hashes import content_digest, reading_digest
from mmpipe.indexing.pipeline.media import MediaPlan, plan_media
from mmpipe.indexing.pipeline.result import Write
from mmpipe.indexing.pipeline.seen import UNKNOWN, UNUSABLE, Look, ask, words_of
from mmpipe.lake.changes import Seen, seen_table
from mmpipe.media import Asker

if TYPE_CHECKING:
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
        due: list[Work] = []
        looks: list[Look] = []
        asked: list[int] = []
        for work in works:
            row = work.row
            digest = content_digest(work.product, row.inline_media, row.source.root, self._reading)
            due.append(replace(work, content=digest))
            known = work.known_row
            if known is None or work.row.seen is not None:
                continue  # nothing to compare with, or sifted by whoever read the upload
            words = words_of(held.media_uris(known), held.media_seen(known))
            if _has_media(work):
                looks.append(Look(self.plan(work), words, held.media_asked(known)))
                asked.append(len(due) - 1)
        for place, seen in zip(asked, ask(looks, self._asker, self._media.trust_seconds), strict=True):
            due[place] = replace(due[place], seen=seen)
        plans = {place: look.plan for place, look in zip(asked, looks, strict=True)}
        left: list[Work] = []
        found: list[Seen] = []
        for place, work in enumerate(due):
            seen_again = self._as_it_was(work, plans.get(place), held)
            if seen_again is None:
                left.append(work)
                continue
            found.append(seen_again)
            run_id = work.row.source.run_id
            counts = result.of_run(run_id)
            counts.unchanged += 1
            counts.pictures.update(_pictures(work, plans.get(place), held))
            result.writes.append(Write(seen_again.id, seen_again.order, run_id, "seen"))
        if found:
            result.changes.seen.append(seen_table(found))
        return left

    def _as_it_was(self, work: Work, plan: MediaPlan | None, held: HeldRows) -> Seen | None:
        known = work.known_row
        if known is None or work.row.seen is not None or held.content(known) != work.content:
            return None
        stock = held.stock(known)
        if stock is not None and stock < work.row.order:
            return None  # the upload's word on the stock is newer
        asked = None
        if plan is not None:
            if work.seen is None or work.seen.same != frozenset(plan.refs):
                return None
            asked = work.seen.asked
        product = work.product
        return Seen(product.id, work.row.order, product.item_group_id, held.basis(known), media_asked=asked)


def _has_media(work: Work) -> bool:
    product = work.product
    return bool(
        product.image_link or product.additional_image_link or product.audio_link or product.video_link
    )


def _pictures(work: Work, plan: MediaPlan | None, held: HeldRows) -> dict[str, int]:
    inline = "image_link" in work.row.inline_media
    if plan is None or work.known_row is None:
        return {"found": int(inline), "none": int(not inline)}
    words = words_of(held.media_uris(work.known_row), held.media_seen(work.known_row))
    refs = plan.refs.get("image", ())
    found = sum(any(_is_usable(words.get(uri, UNKNOWN)) for uri in ref.addresses) for ref in refs)
    refused = sum("image_link" in error.field for error in plan.errors)
    named = bool(work.product.image_link or work.product.additional_image_link or inline)
    return {
        "found": found + int(inline),
        "missing": len(refs) - found + refused,
        "none": int(not named),
    }


def _is_usable(word: str) -> bool:
    return len(word) > 1 and not word.startswith(UNUSABLE)
