"""Many objects looked up with few requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import Final

from mmpipe.errors import MmpipeError, ObjectNotFound, PermanentError, RetryableError
from mmpipe.objects.address import InvalidAddress, split_s3
from mmpipe.objects.base import ObjectStat, ObjectStore

# S3's page. Beyond the latency, a page is billed as about a dozen single look-ups are.
_PAGE: Final = 1_000
_FEWEST: Final = 16
_WORTH: Final = 12

Found = ObjectStat | PermanentError | None


def stat_many(
    uris: Iterable[str], store_for: Callable[[str], ObjectStore], *, threads: int = 16
) -> dict[str, Found]:
    """What is stored at each address now: its stat, None where nothing is, or the ``PermanentError`` by
    which the store refuses that address alone. Raises ``RetryableError`` where a store fails.

    Up to ``threads`` requests run at once. Many addresses of one S3 bucket are looked up by listing as long
    as its pages answer enough of them; a page begins at an address that is asked for, so that this takes no
    more requests than asking for each by itself. An address that no store can hold counts as empty.
    """
    asked = set(uris)
    files = {uri for uri in asked if uri.startswith("file:")}
    single: list[str] = []
    listed: list[Sequence[str]] = []
    for wanted in _neighbours(asked - files):
        (listed.append if len(wanted) >= _FEWEST else single.extend)(wanted)

    def list_some(wanted: Sequence[str]) -> dict[str, Found]:
        return _by_listing(wanted, store_for)

    def look(wanted: Sequence[str]) -> list[tuple[str, Found]]:
        return [(uri, _by_itself(uri, store_for)) for uri in wanted]

    # A look at a file takes less than handing it to a thread.
    found = dict(look(sorted(files)))
    if not single and not listed:
        return found
    with ThreadPoolExecutor(threads) as pool:
        try:
            found |= {uri: stat for some in pool.map(list_some, listed) for uri, stat in some.items()}
            single += [uri for wanted in listed for uri in wanted if uri not in found]
            for part in pool.map(look, ([uri] for uri in single)):
                found.update(part)
        except RetryableError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _neighbours(uris: Iterable[str]) -> Iterator[Sequence[str]]:
    """The addresses in their byte order, those of one S3 bucket together, at most a page's number."""
    for _, group in groupby(sorted(uris, key=_order), key=_bucket):
        while part := list(islice(group, _PAGE)):
            yield part


def _bucket(uri: str) -> str:
    try:
        return split_s3(uri)[0]
    except InvalidAddress:
        return uri


def _by_listing(wanted: Sequence[str], store_for: Callable[[str], ObjectStore]) -> dict[str, Found]:
    """Some or all of the addresses, which are in order."""
    found: dict[str, Found] = {}
    prefix = os.path.commonprefix([wanted[0], wanted[-1]])  # noqa: RUF071  keys, no paths
    try:
        store = store_for(wanted[0])
        while len(wanted) >= _FEWEST:
            page = list(islice(store.list(prefix, start_after=_just_before(wanted[0])), _PAGE))
            stats = {stat.uri: stat for stat in page}
            last = _order(page[-1].uri) if len(page) == _PAGE else None
            answered = [uri for uri in wanted if last is None or _order(uri) <= last]
            found.update((uri, stats.get(uri)) for uri in answered)
            wanted = wanted[len(answered) :]
            if len(answered) < _WORTH:
                break
    except MmpipeError:
        # Who may not list may still look: that tells whether the store fails.
        return found
    return found


def _by_itself(uri: str, store_for: Callable[[str], ObjectStore]) -> Found:
    try:
        return store_for(uri).stat(uri)
    except (ObjectNotFound, InvalidAddress):
        return None
    except PermanentError as error:
        return error


def _just_before(uri: str) -> str:
    """An address between which and ``uri`` there is hardly another."""
    last = chr(ord(uri[-1]) - 1)
    return uri[:-1] + last + "~" if last.isascii() and last.isprintable() else uri[:-1]


def _order(uri: str) -> bytes:
    return uri.encode(errors="surrogatepass")
