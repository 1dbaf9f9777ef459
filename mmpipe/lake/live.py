"""``live.json``: which version of which table readers follow. Replacing it is the one atomic step across
tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mmpipe.errors import StorageUnavailable
from mmpipe.objects import FollowedObject

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat, ObjectStore

# What is kept of the former publications: these many, then by time.
KEEP_LAST = 10
KEEP_HOURLY = timedelta(hours=48)
KEEP_DAILY = timedelta(days=30)
# Every replica reads the file about four times a second.
MAX_REASON = 200
_MAX_BYTES = 1_000_000


def _bounded(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1]}…"


Reason = Annotated[str, AfterValidator(_bounded)]
"""Why an entry was made, cut to :data:`MAX_REASON` characters."""


class LiveVersion(BaseModel):
    """One publication. ``generation`` grows by one with each; ``restores`` names the generation a rollback
    went back to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    generation: int = Field(ge=1)
    table: str = Field(pattern=r"^products_[A-Za-z0-9_-]+$")
    version: int = Field(ge=1)
    profile_fingerprint: str
    published_at: datetime
    rows: int = Field(ge=0, description="products that are not deleted")
    tombstones: int = Field(default=0, ge=0)
    reason: Reason = ""
    restores: int | None = None
    reset_to: int | None = Field(
        default=None,
        description="the version that a reset went back to: what came between is not in this one",
    )
    etag: str | None = Field(default=None, exclude=True, description="of live.json, where read from it")
    photos: Mapping[str, int] = Field(
        default_factory=dict, exclude=True, description="those of the file, where read from it"
    )

    @property
    def origin(self) -> int:
        """The generation whose content this is: itself, or the one a rollback restored."""
        return self.restores if self.restores is not None else self.generation

    def same(self, other: LiveVersion | None) -> bool:
        """Whether both are one publication, in whatever state the file around it is."""
        return other is not None and (self.generation, self.published_at) == (
            other.generation,
            other.published_at,
        )

    def was_emptied(self, now: LiveVersion | None) -> bool:
        """Whether somebody has emptied the collection since this was live, as what is live ``now`` tells:
        nothing is, or it is no later publication. Versions of its tables are others then, whatever their
        numbers."""
        return now is None or (now.generation <= self.generation and not now.same(self))


class LiveFile(BaseModel):
    """The content of ``live.json``: what is live, and what was, oldest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    live: LiveVersion
    history: tuple[LiveVersion, ...] = ()
    former_table: str | None = Field(default=None, description="live before the last change of tables")
    photos: dict[str, int] = Field(
        default_factory=dict,
        description="of each table of review photos the version that readers follow, whatever is live: going"
        " back brings nobody's photo back",
    )

    def followed_by(self, entry: LiveVersion) -> LiveFile:
        """The file after publishing ``entry``, with what :func:`thinned` keeps of the former entries."""
        former = self.former_table if entry.table == self.live.table else self.live.table
        history = thinned((*self.history, self.live), entry.published_at, origin=entry.origin)
        return LiveFile(live=entry, history=history, former_table=former, photos=self.photos)

    def before(self) -> LiveVersion | None:
        """What a rollback makes live again: what was live before the content that is live now first was."""
        older = [entry for entry in self.history if entry.generation < self.live.origin]
        return older[-1] if older else None

    def lacks(self, table: str, version: int) -> bool:
        """Whether a reset has taken back this version of a table since it was committed."""
        return any(
            entry.table == table and entry.reset_to is not None and entry.reset_to < version < entry.version
            for entry in (*self.history, self.live)
        )

    def versions(self) -> dict[str, set[int]]:
        """Every version that is or was live and can be gone back to, by table."""
        found: dict[str, set[int]] = {}
        for entry in (*self.history, self.live):
            found.setdefault(entry.table, set()).add(entry.version)
        return found


def thinned(history: Sequence[LiveVersion], now: datetime, *, origin: int) -> tuple[LiveVersion, ...]:
    """What is kept of ``history`` (oldest first): the :data:`KEEP_LAST` newest; the newest of each hour (UTC)
    of the last two days and of each day of the last 30; and what a rollback of content ``origin`` goes to.

    At most ``KEEP_LAST`` + 49 + 31 + 1 entries. Thinning at every publication keeps the same as thinning once
    at the end: what is not the newest of its hour or day never becomes it again.
    """
    kept = {entry.generation for entry in history[-KEEP_LAST:]}
    older = [entry.generation for entry in history if entry.generation < origin]
    kept.update(older[-1:])
    taken: set[tuple[str, datetime]] = set()
    for entry in reversed(history):
        published = min(entry.published_at, now).astimezone(UTC)  # another machine's clock may be ahead
        age = now - published
        hour = published.replace(minute=0, second=0, microsecond=0)
        spans = [("hour", hour)] if age < KEEP_HOURLY else []
        spans += [("day", hour.replace(hour=0))] if age < KEEP_DAILY else []
        if not taken.issuperset(spans):
            kept.add(entry.generation)
            taken.update(spans)
    return tuple(entry for entry in history if entry.generation in kept)


class LivePointer:
    """Reads and replaces one ``live.json``. Safe to share between threads."""

    def __init__(self, store: ObjectStore, uri: str) -> None:
        self.uri = uri
        self._file = FollowedObject(store, uri, partial(_content_of, uri), max_bytes=_MAX_BYTES)

    def read(self) -> LiveFile | None:
        """The current file, its live entry carrying the etag; None before the first publication.

        While the file stays as it was, every further call costs one conditional request without a body and
        gives the same object. Raises ``StorageUnavailable``, also where the file is damaged: its message says
        what to do."""
        return self._file.read()

    def replace(self, content: LiveFile, former: LiveFile | None) -> LiveVersion:
        """Write ``content`` only where ``former`` still stands (nothing, for None). Raises
        ``CommitConflict``."""
        data = content.model_dump_json(indent=1, exclude_none=True, exclude=_nothing(content)).encode()
        found = self._file.write(data, former=None if former is None else former.live.etag)
        return content.live.model_copy(update={"etag": found.etag})


def _nothing(content: LiveFile) -> set[str]:
    return set() if content.photos else {"photos"}


def _content_of(uri: str, data: bytes, found: ObjectStat) -> LiveFile:
    try:
        content = LiveFile.model_validate_json(data)
    except ValidationError as error:
        # Not the upload's fault, so not for good: its work waits in the queue until the file is mended.
        raise StorageUnavailable(
            f"{uri} is not a live file ({error.error_count()} faults): restore or remove it"
        ) from error
    read = {"etag": found.etag, "photos": content.photos}
    return content.model_copy(update={"live": content.live.model_copy(update=read)})
