"""What both clients can be asked for: each route once, answered at once or awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from mmpipe.client import calls
from mmpipe.client.calls import Call

P = ParamSpec("P")
R = TypeVar("R")


class Now(Protocol):
    """Sends a call and returns its result."""

    def send(self, call: Call[R]) -> R:
        """Send it."""


class Later(Protocol):
    """Sends a call where it is awaited."""

    async def send_later(self, call: Call[R]) -> R:
        """Send it."""


class Route(Generic[P, R]):
    """A function that makes a call, as a method that sends it."""

    def __init__(self, make: Callable[P, Call[R]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: Now, owner: Any = None) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: Later, owner: Any = None) -> Callable[P, Awaitable[R]]: ...
    @overload
    def __get__(self, client: None, owner: Any = None) -> Callable[P, Call[R]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        if client is None:
            return self._make
        send = client.send if hasattr(client, "send") else client.send_later

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return send(self._make(*args, **kwargs))

        return update_wrapper(ask, self._make)


class Routes:
    """The routes of the HTTP API by name; see each one's function in :mod:`mmpipe.client.calls`."""

    search = Route(calls.search)
    suggest = Route(calls.suggest)
    product = Route(calls.product)
    similar = Route(calls.similar)
    medium = Route(calls.medium)
    reviews = Route(calls.reviews)
    recommend = Route(calls.recommend)
    interact = Route(calls.interact)
    assist = Route(calls.assist)
    collections = Route(calls.collections)
    export_user = Route(calls.export_user)
    erase_user = Route(calls.erase_user)
    rules = Route(calls.rules)
    set_rules = Route(calls.set_rules)
    rule_versions = Route(calls.rule_versions)
    preview_rules = Route(calls.preview_rules)
    synonyms = Route(calls.synonyms)
    set_synonyms = Route(calls.set_synonyms)
    analytics = Route(calls.analytics)
    stock = Route(calls.stock)
    upload = Route(calls.upload)
    upload_progress = Route(calls.upload_progress)
    uploads = Route(calls.uploads)
    rejects = Route(calls.rejects)
    replay_reject = Route(calls.replay_reject)
    status = Route(calls.status)
    roll_back = Route(calls.roll_back)
    promote = Route(calls.promote)
