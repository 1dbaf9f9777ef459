"""Changing the models of a collection: a new table beside the live one is filled, then readers are moved.

``reindex`` fills, ``switch`` moves, ``switch_back`` and ``roll_back`` move back. Uploads go on meanwhile,
written into the table that is live (:mod:`mmpipe.indexing.tables.following`). So a switch first carries over
what was written there since, moves readers in one atomic step, and looks once more for what was written
between. A writer that commits later still finds at its own look that readers were moved, and writes again:
nothing is lost, however the two fall.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict, InvalidRequest, MmpipeError, NotReady, PublishRejected
from mmpipe.indexing.tables.copy import Carried, CopyProgress, RowCarrier
from mmpipe.indexing.tables.following import models_for
from mmpipe.indexing.writing.publish import publish
from mmpipe.lake.model_loading import load_profile

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection, LiveVersion, ProductTable
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
# A feed that is being indexed right now keeps adding rows; later it will not.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Reindexed:
    """A filled table: ``rows`` products of it in all, ``carried`` by this call."""

    table: str
    profile: str
    source: str
    rows: int
    carried: Carried


@dataclass(frozen=True, slots=True)
class Moved:
    """What is live now, and the rows that were carried over ``before`` and ``after`` readers were moved.
    ``note`` says what is still to do."""

    live: LiveVersion
    before: Carried = field(default_factory=Carried)
    after: Carried = field(default_factory=Carried)
    note: str = ""


def reindex(
    settings: Settings,
    collection: Collection,
    profile: str,
    *,
    revision: str | None = None,
    loaded: LoadedEncoders | None = None,
    progress: CopyProgress | None = None,
) -> Reindexed:
    """Fill the table of another profile with the products of the live one; publishes nothing.

    Of a profile that the lake holds several revisions of, ``revision`` or the newest. Ended at any moment and
    called again it goes on where it was. ``progress`` is called with (done, due). Raises ``NotReady`` where
    nothing is live, ``InvalidRequest`` for the live profile itself, ``ModelUnavailable``, ``RetryableError``
    where a store fails.
    """
    live = collection.live()
    if live is None:
        raise NotReady(
            f"collection {collection.name} has nothing live yet: index a feed by {profile} instead"
        )
    source = collection.table(live.table)
    models = loaded if loaded is not None else load_profile(profile, settings, revision=revision)
    if models.profile.fingerprint == source.profile.fingerprint:
        raise InvalidRequest("profile", f"{profile!r} encodes the live table {source.name} already")
    target = collection.products(models.profile, create=True)
    with _carrier(settings, collection, source, target, models) as carrier:
        carried = carrier.carry(carrier.look(), progress)
        carrier.carry_photos()
    _maintain(target)
    return Reindexed(target.name, models.profile.name, source.name, target.count_live(), carried)


def switch(
    settings: Settings,
    collection: Collection,
    table: str,
    *,
    loaded: LoadedEncoders | None = None,
    progress: CopyProgress | None = None,
    accept: Callable[[], object] | None = None,
    allow_shrink: bool = False,
) -> Moved:
    """Carry over what the live table gained since, check the new one, move readers to it, look once more.

    ``accept`` is called when the table has all that is live, before readers are moved, and keeps them where
    they are by raising. It may take its time: what is written meanwhile is carried over too.

    Of a table that is live already only the last look is taken, at the table that was live before it: that is
    how a switch that was ended in between is finished. Raises ``NotFound`` for an unknown table,
    ``PublishRejected`` where the checks fail or readers were rolled back, ``NotReady`` where nothing is live,
    ``CommitConflict`` where a feed that is being indexed adds rows faster than they are carried over;
    the old table is live then.
    """
    target = collection.table(table)
    live = collection.live()
    if live is None:
        raise NotReady(
            f"collection {collection.name} has nothing live to switch from: mmpipe live promote {table}"
        )
    if live.table == table:
        return _finish(settings, collection, target, live, loaded, progress)
    _check_not_rolled_back(live)
    source = collection.table(live.table)
    models = models_for(settings, target.profile.name, target.profile, loaded)
    before, after = Carried(), Carried()
    with _carrier(settings, collection, source, target, models) as carrier:
        _catch_up(carrier, before, progress, settings.indexing.chunk_rows)
        _maintain(target)
        if accept is not None:
            accept()
            _catch_up(carrier, before, progress, settings.indexing.chunk_rows)
        carrier.carry_photos()
        now = collection.publish(
            target, reason=f"switched from {source.name}", allow_shrink=allow_shrink, following=live
        )
        _catch_up(carrier, after, progress, settings.indexing.chunk_rows)
    return _moved(collection, target, now, before, after)


def switch_back(
    settings: Settings,
    collection: Collection,
    *,
    loaded: LoadedEncoders | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Undo a switch: readers go back to the newest version of the table that was live before, at once, and
    what was written since the switch is carried back and published. Uploads go on, into that table.

    Called again it moves readers forward again. Where carrying fails, ``note`` says so. Raises ``NotReady``
    where nothing is live, ``PublishRejected`` where no other table was live before or readers were rolled
    back, ``ModelUnavailable`` and ``ProfileMismatch`` where its models are not here, ``LiveMoved``.
    """
    live = collection.live()
    if live is None:
        raise NotReady(f"collection {collection.name} has nothing live yet")
    former = collection.former_table()
    if former is None:
        raise PublishRejected(
            f"no other table was live before {live.table}: mmpipe live rollback goes back within it"
        )
    _check_not_rolled_back(live)
    source, target = collection.table(live.table), collection.table(former)
    models = models_for(settings, target.profile.name, target.profile, loaded)
    now = collection.publish(
        target, reason=f"switched back from {source.name}", allow_shrink=True, following=live
    )
    after, fault = _carry_back(settings, collection, source, target, models, progress)
    if fault:
        return Moved(now, after=after, note=f"{fault}; mmpipe live switch {target.name} tries again")
    return _moved(collection, target, now, Carried(), after)


def roll_back(
    settings: Settings,
    collection: Collection,
    *,
    loaded: LoadedEncoders | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Make live again what was live before; from another table back, carry over what was written since.

    Readers are moved first and at once. What is carried over stays unpublished like every upload after a
    roll-back, until somebody promotes the table. Where carrying fails, ``note`` says so. Raises
    ``PublishRejected`` where there is nothing to go back to, and as :meth:`Collection.rollback` does.
    """
    former = collection.live()
    now = collection.rollback()
    if former is None or former.table == now.table:
        return Moved(now)
    source, target = collection.table(former.table), collection.table(now.table)
    after, note = _carry_back(settings, collection, source, target, loaded, progress)
    if not note and (after.written or after.deleted):
        note = (
            f"{after.written + after.deleted} products written since are carried over, not live;"
            f" mmpipe live promote {target.name}"
        )
    return Moved(now, after=after, note=note)


def _finish(
    settings: Settings,
    collection: Collection,
    target: ProductTable,
    live: LiveVersion,
    loaded: LoadedEncoders | None,
    progress: CopyProgress | None,
) -> Moved:
    former = collection.former_table()
    if former is None:
        raise InvalidRequest("table", f"{live.table} is live already")
    models = models_for(settings, target.profile.name, target.profile, loaded)
    after = Carried()
    source = collection.table(former)
    with _carrier(settings, collection, source, target, models) as carrier:
        after.add(carrier.carry(carrier.look(live_target=True), progress))
    return _moved(collection, target, live, Carried(), after)


def _carry_back(
    settings: Settings,
    collection: Collection,
    source: ProductTable,
    target: ProductTable,
    loaded: LoadedEncoders | None,
    progress: CopyProgress | None,
) -> tuple[Carried, str]:
    """What was carried into a table that readers follow already, and why not all of it, or nothing."""
    after = Carried()
    try:
        models = models_for(settings, target.profile.name, target.profile, loaded)
        with _carrier(settings, collection, source, target, models) as carrier:
            after.add(carrier.carry(carrier.look(live_target=True), progress))
            _catch_up(carrier, after, progress, settings.indexing.chunk_rows)
    except MmpipeError as error:
        logger.warning("moved back, not caught up", extra={"table": target.name, "reason": str(error)})
        return after, f"products written to {source.name} since are not in it: {error}"
    return after, ""


def _check_not_rolled_back(live: LiveVersion) -> None:
    if live.restores is not None:
        raise PublishRejected(
            f"readers were rolled back to version {live.version} of {live.table}, and what was written since"
            f" is not live: when it is right, mmpipe live promote {live.table}, then switch"
        )


def _moved(
    collection: Collection, target: ProductTable, live: LiveVersion, before: Carried, after: Carried
) -> Moved:
    note = ""
    if after.written or after.deleted:
        note = publish(collection, target, "caught up after the switch")
    return Moved(collection.live() or live, before, after, note)


def _catch_up(carrier: RowCarrier, total: Carried, progress: CopyProgress | None, few: int) -> None:
    """Carry until a look finds nothing. A few rows that keep coming are left to the look after readers were
    moved. Raises ``CommitConflict`` where they are many."""
    left = 0
    for _ in range(_ROUNDS):
        due = carrier.look()
        left = len(due)
        if not left:
            return
        total.add(carrier.carry(due, progress))
    if left > few:
        raise CommitConflict(
            f"{left} products were written during the last look: a feed is being indexed, switch after it"
        )


def _maintain(table: ProductTable) -> None:
    try:
        table.maintain()
    except (MmpipeError, OSError) as error:
        # Searches are right without indexes, only slower; the next commit's maintenance catches up.
        logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})


@contextmanager
def _carrier(
    settings: Settings,
    collection: Collection,
    source: ProductTable,
    target: ProductTable,
    loaded: LoadedEncoders,
) -> Iterator[RowCarrier]:
    carrier = RowCarrier(collection, source, target, loaded, settings)
    try:
        yield carrier
    finally:
        carrier.close()
