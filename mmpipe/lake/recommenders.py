"""Which recommender a collection's readers follow, and what a recommender says of itself.

A recommender is a model of the registry (kind ``recommender``) whose folder holds ``card.json``
(:class:`Card`) beside its weights. ``<lake>/<collection>/recommender.json`` (:class:`RecommenderFile`) names
the one that replicas follow and those before it; it is replaced as a whole, by conditional writes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mmpipe.errors import CommitConflict, InvalidRequest, NotFound, StorageUnavailable
from mmpipe.lake.live import Reason
from mmpipe.objects import FollowedObject

if TYPE_CHECKING:
    from collections.abc import Collection as Some
    from collections.abc import Iterable

    from mmpipe.objects import ObjectStat, ObjectStore
    from mmpipe.schemas.people import Erasure

CARD_FILE = "card.json"
POINTER_FILE = "recommender.json"
KEEP_FORMER = 20
_MAX_BYTES = 1_000_000
_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
_DIGEST = r"^[0-9a-f]{16}$"


class Card(BaseModel):
    """What a recommender is: of which collection, over which profile's fused vectors, trained how far.

    ``trained_through`` is when the log of interactions was read: whoever was erased before was left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str = Field(min_length=1, max_length=200)
    profile: str = Field(pattern=_DIGEST, description="fingerprint of the table whose vectors it was given")
    trained_through: AwareDatetime
    events: int = Field(ge=0)
    shoppers: int = Field(ge=0)


class LiveRecommender(BaseModel):
    """One entry of the pointer: a model, or none (``name`` and ``revision`` null: switched off).

    ``generation`` grows by one with each; ``restores`` names the one that a rollback went back to.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    generation: int = Field(ge=1)
    name: str | None = Field(default=None, pattern=_NAME)
    revision: str | None = Field(default=None, pattern=_DIGEST)
    switched_at: AwareDatetime
    reason: Reason = ""
    restores: int | None = None
    etag: str | None = Field(default=None, exclude=True, description="of the file, where read from it")

    @property
    def origin(self) -> int:
        """The generation whose content this is: itself, or the one a rollback restored."""
        return self.restores if self.restores is not None else self.generation


class RecommenderFile(BaseModel):
    """The content of ``recommender.json``: what is followed, and what was, oldest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    live: LiveRecommender
    history: tuple[LiveRecommender, ...] = ()

    def before(self) -> LiveRecommender | None:
        """What a rollback makes live again."""
        older = [entry for entry in self.history if entry.generation < self.live.origin]
        return older[-1] if older else None


class RecommenderPointer:
    """Reads and replaces one ``recommender.json``. Safe to share between threads.

    Every method may raise ``StorageUnavailable``, also for a file that is damaged: its message says what to
    do. What replaces it raises ``CommitConflict`` where somebody else did meanwhile.
    """

    def __init__(self, store: ObjectStore, uri: str) -> None:
        self.uri = uri
        self._file = FollowedObject(store, uri, partial(_content_of, uri), max_bytes=_MAX_BYTES)

    def read(self) -> RecommenderFile | None:
        """The current file; None where no recommender was ever switched to. While the file stays as it was,
        a call costs one conditional request without a body and gives the same object."""
        return self._file.read()

    def switch(
        self, name: str | None, revision: str | None, *, reason: str, former: RecommenderFile | None
    ) -> LiveRecommender:
        """Have readers follow another model, or with None for both none, only where ``former`` still stands
        (nothing, for None)."""
        return self._replace(former, name=name, revision=revision, reason=reason)

    def rollback(self, *, reason: str = "rolled back") -> LiveRecommender:
        """Follow again what was followed before; repeated, it goes further back. Raises ``NotFound`` when
        there is nothing to go back to."""
        former = self.read()
        target = None if former is None else former.before()
        if target is None:
            raise NotFound(f"{self.uri} names no earlier recommender to go back to")
        return self._replace(
            former, name=target.name, revision=target.revision, reason=reason, restores=target.origin
        )

    def forget(self, revisions: Some[str]) -> None:
        """Take former entries of these revisions out of the history, so that nobody goes back to them.
        Raises ``CommitConflict`` also where one of them is followed."""
        former = self.read()
        if former is None or not any(entry.revision in revisions for entry in (former.live, *former.history)):
            return
        if former.live.revision in revisions:
            raise CommitConflict(
                f"{self.uri} follows {former.live.name} {former.live.revision}: switch first"
            )
        kept = tuple(entry for entry in former.history if entry.revision not in revisions)
        self._write(RecommenderFile(live=former.live, history=kept), former)

    def _replace(
        self,
        former: RecommenderFile | None,
        *,
        name: str | None,
        revision: str | None,
        reason: str,
        restores: int | None = None,
    ) -> LiveRecommender:
        entry = LiveRecommender(
            generation=1 if former is None else former.live.generation + 1,
            name=name,
            revision=revision,
            switched_at=datetime.now(UTC),
            reason=reason,
            restores=restores,
        )
        history = () if former is None else (*former.history, former.live)
        return self._write(RecommenderFile(live=entry, history=history[-KEEP_FORMER:]), former)

    def _write(self, content: RecommenderFile, former: RecommenderFile | None) -> LiveRecommender:
        data = content.model_dump_json(indent=1, exclude_none=True).encode()
        found = self._file.write(data, former=None if former is None else former.live.etag)
        return content.live.model_copy(update={"etag": found.etag})


def may_hold_erased(card: Card, erasures: Iterable[Erasure]) -> list[str]:
    """The records of the erasures whose people a recommender may know of: it was trained before them."""
    return [each.record_id for each in erasures if each.touches(card.trained_through)]


def read_card(folder: Path) -> Card:
    """The card of a recommender's folder. Raises ``InvalidRequest`` where there is none that can be used."""
    path = folder / CARD_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidRequest("folder", f"{CARD_FILE} is larger than a card: export the recommender again")
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidRequest(
            "folder", f"a recommender's folder holds {CARD_FILE}: export the recommender again"
        ) from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise InvalidRequest("folder", f"{CARD_FILE}: {where}: {fault['msg']}") from error


def _content_of(uri: str, data: bytes, found: ObjectStat) -> RecommenderFile:
    try:
        content = RecommenderFile.model_validate_json(data)
    except ValidationError as error:
        raise StorageUnavailable(
            f"{uri} names no recommender ({error.error_count()} faults): restore or remove it"
        ) from error
    return content.model_copy(update={"live": content.live.model_copy(update={"etag": found.etag})})
