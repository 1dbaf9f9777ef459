"""Whether a replica answers as it should: what is live is searchable here, and keeps being followed.

The version store follows the collections that somebody asked for. This opens those that nobody asked for
yet, so that a replica becomes ready by itself, and judges by what both have seen: *ready* is for whoever
sends traffic, *alive* for whoever replaces replicas. How old what is held has become is neither: where the
store is away it is so for every replica, and taking all of them out would end the searches that they can
still answer. Ages are told to whoever asks (:meth:`Watch.ages`), and from :data:`OLD_SECONDS` on in answers,
in `/readyz` and in the log.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from mmpipe.errors import MmpipeError, NotReady
from mmpipe.lake.steady import steady_time
from mmpipe.serve.answer import tenancy

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.search import LiveVersions

_log = logging.getLogger("mmpipe.serve")
# From here on answers say how old what they were found in is. A failed look or two are nobody's business.
OLD_SECONDS = 60.0
# Longer than any step of a load takes, and any look: what has not got on by then hangs.
STUCK_SECONDS = 900.0
# One listing of the lake; new collections are as rare as new shops.
LIST_SECONDS = 10.0
# A collection that fails for so long while another is answered is not waited for any more.
BROKEN_SECONDS = 30.0
_NAMED = 3


class Watch:
    """Opens every collection of a lake in ``versions``, now and later, and tells how that goes.

    ``poll_seconds`` is how often ``versions`` looks for live versions; all bounds are at least ten times
    that. Calls may come from any thread.
    """

    def __init__(self, lake: Lake, versions: LiveVersions, poll_seconds: float) -> None:
        self._lake = lake
        self._versions = versions
        self._poll_seconds = poll_seconds
        self._fine_at: dict[str, float] = {}
        self._failing_since: dict[str, float] = {}
        self._names: tuple[str, ...] = ()
        self._listed_at: float | None = None
        self._fault = ""
        self._told = ""
        self._old: set[str] = set()
        self._round_at = steady_time()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open what there is, then keep looking on a thread of its own. A lake that cannot be reached yet is
        no error: the thread keeps trying."""
        self.look()
        self._thread = threading.Thread(target=self._run, name="mmpipe-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """List the lake, and open the collections that are not open yet. Blocks."""
        try:
            names = tuple(self._lake.collections())
        except MmpipeError as error:
            if str(error) != self._fault:
                _log.warning("the lake cannot be listed", extra={"reason": str(error)})
            self._fault = str(error)
            return
        now = steady_time()
        if self._listed_at is not None:
            # Found while we serve: whether it can be opened or not, the others are answered as before.
            for name in set(names).difference(self._names):
                self._fine_at.setdefault(name, now)
        opened = self._versions.status()
        for name in names:
            if name not in opened:
                self._open(name)
        self._names = names
        self._listed_at, self._fault = now, ""
        self._note()

    def not_ready(self) -> str | None:
        """Why this replica should get no traffic, in words for whoever asks; None where it should. Touches
        memory only; what is known beyond that is logged, once.

        It should from the moment on at which every collection that is live in the lake could be searched
        here, and there is one: whatever happens then, it answers from what it holds. One that has failed for
        :data:`BROKEN_SECONDS`, while another answers, is not waited for: it would fail elsewhere, too, and
        one shop's damage is no other's. Where it fails for models that are not here, they may be elsewhere.
        """
        self._note()
        reason = self._unready()
        public, known = ("", "") if reason is None else reason
        if known and known != self._told:
            _log.warning("not ready", extra={"reason": known})
        self._told = known
        return public or None

    def _unready(self) -> tuple[str, str] | None:
        """The reason as anybody may read it, and with all that is known: addresses, and libraries' words."""
        if self._listed_at is None:
            return "the lake cannot be listed", self._fault or "nobody tried"
        statuses = self._versions.status()
        missing = [name for name in self._names if name not in self._fine_at]
        if missing:
            faults = [f"{name}: {self._error(name) or 'not looked at yet'}" for name in missing]
            return unsearchable(missing), some(faults)
        if not any(status.version is not None for status in statuses.values()):
            return "no collection is live yet; index a feed first", ""
        return None

    def ages(self) -> dict[str, float]:
        """For each collection that answers, the seconds since the version at hand was last seen to be what is
        live; for one that is not waited for, since it was found to fail. Touches memory only."""
        self._note()
        now = steady_time()
        answering = [
            name
            for name, status in self._versions.status().items()
            if status.version is not None or (status.error and name in self._fine_at)
        ]
        return {name: max(0.0, now - self._fine_at.get(name, now)) for name in answering}

    def old(self, name: str) -> int | None:
        """The age of one collection in whole seconds, where answers tell it. For every answer: a look at one
        number, unless that is old."""
        age = steady_time() - self._fine_at.get(name, 0.0)
        if is_old(age, self._poll_seconds):
            age = self.ages().get(name, 0.0)
        return int(age) if is_old(age, self._poll_seconds) else None

    def check_alive(self) -> None:
        """Raises :class:`NotReady` where a restart would mend what does not mend itself: a thread that ended
        or hangs. A store that fails is no such reason, nor a load however long, while it gets on: the version
        at hand keeps answering, and a restart would begin the load anew."""
        if self._thread is not None and not self._thread.is_alive():
            raise NotReady("the thread that watches the lake has ended")
        limit = max(STUCK_SECONDS, 10 * self._poll_seconds)
        oldest = steady_time() - limit
        statuses = self._versions.status()
        loading = [
            (name, max(status.loading_since, status.progressed_at or 0.0))
            for name, status in statuses.items()
            if status.loading_since is not None
        ]
        for name, moved_at in loading:
            if moved_at < oldest:
                whose = f"{name}'s" if tenancy.visible(name) else "a"
                raise NotReady(f"the load of {whose} live version has not got on for {limit:.0f} s")
        if loading:
            # Whoever loads looks at nothing meanwhile, and this watch may wait for it.
            return
        checked = [status.checked_at for status in statuses.values() if status.checked_at]
        if checked and max(checked) < oldest:
            raise NotReady(f"live versions were not looked at for {limit:.0f} s")
        if self._thread is not None and self._round_at < oldest:
            raise NotReady(f"the lake was not looked at for {limit:.0f} s")

    def _run(self) -> None:
        listed = time.monotonic()
        while not self._stop.wait(min(self._poll_seconds, LIST_SECONDS)):
            self._tell_old()
            if self._listed_at is None or time.monotonic() - listed >= LIST_SECONDS:
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001  the thread must outlive any fault
                    _log.warning("looking at the lake failed", extra={"reason": str(error)})
                    self._fault = str(error) or type(error).__name__
                listed = time.monotonic()
            self._round_at = steady_time()

    def _open(self, name: str) -> None:
        try:
            self._versions.get(name)
        except NotReady:
            pass  # nothing of it is live yet; from now on it is followed
        except Exception as error:  # noqa: BLE001  one damaged table must not take the others down with it
            # Damaged, or encoded by models that are not here: the others are served.
            _log.warning("a collection is not served", extra={"collection": name, "reason": str(error)})

    def _note(self) -> None:
        statuses = self._versions.status()
        fine = [name for name, status in statuses.items() if status.checked_at and not status.error]
        for name in fine:
            self._fine_at[name] = statuses[name].checked_at or 0.0
            self._failing_since.pop(name, None)
        answers = any(statuses[name].version is not None for name in fine)
        now = steady_time()
        for name in self._names:
            status = statuses.get(name)
            if name in self._fine_at or status is None or not status.error or status.lacks_models:
                continue
            since = self._failing_since.setdefault(name, now)
            if answers and now - since >= BROKEN_SECONDS:
                _log.warning(
                    "a collection is not waited for", extra={"collection": name, "reason": status.error}
                )
                self._fine_at[name] = since

    def _error(self, name: str) -> str:
        status = self._versions.status().get(name)
        return "" if status is None else status.error

    def _tell_old(self) -> None:
        old = {name for name, age in self.ages().items() if is_old(age, self._poll_seconds)}
        if old - self._old:
            reasons = [
                f"{name}: {self._error(name) or self._fault or 'not looked at'}" for name in sorted(old)
            ]
            _log.warning("answers are of what is held", extra={"reason": some(reasons)})
        elif self._old - old:
            _log.info(
                "answers are of what is live again", extra={"collections": some(sorted(self._old - old))}
            )
        self._old = old


def is_old(age: float, poll_seconds: float) -> bool:
    """Whether answers tell this age, where live versions are looked at so often."""
    return age > max(OLD_SECONDS, 10 * poll_seconds)


def unsearchable(missing: list[str]) -> str:
    """That these cannot be searched, for whoever asks: it names those that are the caller's to know."""
    known = [name for name in missing if tenancy.visible(name)]
    return "not every live collection can be searched here yet" + (f" ({some(known)})" if known else "")


def some(reasons: list[str]) -> str:
    """The first reasons, and how many more there are."""
    more = len(reasons) - _NAMED
    return "; ".join(reasons[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
