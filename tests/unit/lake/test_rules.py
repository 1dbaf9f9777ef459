"""``rules.json``: versions, what is kept of them, and who wins."""

from __future__ import annotations

import pytest

from mmpipe.errors import InvalidRequest, Outdated, StorageUnavailable
from mmpipe.lake.rules import NO_RULES, RuleFile, parse_rules
from mmpipe.objects.memory import MemoryStore
from mmpipe.schemas.rules import Rule

URI = "memory://lake/shop"


def rules(*names: str) -> list[Rule]:
    return [Rule(name=name, banner=name) for name in names]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_every_set_is_a_version_that_stays_readable(store: MemoryStore) -> None:
    file = RuleFile(store, URI)
    assert file.read() == NO_RULES
    assert file.versions() == []
    assert file.set(rules("a")).version == 1
    assert file.set(rules("a", "b")).version == 2
    assert file.set([]).version == 3
    assert file.versions() == [1, 2, 3]
    assert [rule.name for rule in file.version(2).rules] == ["a", "b"]
    assert file.version(1).version == 1
    assert file.read().rules == []
    with pytest.raises(InvalidRequest, match="version 9"):
        file.version(9)


def test_a_change_of_what_is_no_longer_current_is_refused(store: MemoryStore) -> None:
    one, other = RuleFile(store, URI), RuleFile(store, URI)
    seen = one.set(rules("a")).version
    other.set(rules("b"))
    with pytest.raises(Outdated, match="version: 2 is current"):
        one.set(rules("c"), former=seen)
    assert [rule.name for rule in one.read().rules] == ["b"]
    assert one.set(rules("c"), former=2).version == 3


def test_followers_see_the_next_version(store: MemoryStore) -> None:
    one, other = RuleFile(store, URI), RuleFile(store, URI)
    assert other.read().version == 0
    one.set(rules("a"))
    assert other.read().version == 1
    assert other.read() is other.read()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"nonsense", "rules"),
        (b'{"rules":[{"name":"a","banner":"b","color":1}]}', "rules[0].color"),
        (
            b'[{"name":"a","pin":[{"id":"x","position":1},{"id":"y","position":"z"}]}]',
            "rules[0].pin[1].position",
        ),
        (b"[" * 100_000, "rules"),
        (b'{"version":-1,"rules":[]}', "version"),
    ],
)
def test_a_bad_document_names_the_place(data: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_rules(data)
    assert caught.value.field == field


@pytest.mark.parametrize("damage", [b"{", b"\x00", b"", b" " * 5_000_000])
def test_a_damaged_file_is_said_to_be_one_and_set_anew(store: MemoryStore, damage: bytes) -> None:
    file = RuleFile(store, URI)
    first, second = ([Rule(name=name, banner=name)] for name in ("first", "second"))
    for rules in (first, first):
        file.set(rules)
    assert file.versions() == [1, 2]
    store.write(f"{URI}/rules.json", damage)
    with pytest.raises(StorageUnavailable, match="set the rules again"):
        file.read()
    held = file.set(second, former=2)
    assert (held.version, held.rules) == (3, second), "no replica holds other rules of this number"
    assert RuleFile(store, URI).read() == held
    assert file.versions() == [1, 3]
    assert file.version(1).rules == first
    assert file.set(first, former=3).version == 4
