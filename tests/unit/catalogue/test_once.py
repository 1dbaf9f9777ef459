"""Values by key of which the first counts, and what came lately."""

from __future__ import annotations

import pytest

from mmpipe.catalogue.formats.once import Once
from mmpipe.catalogue.formats.recent import Recent


@pytest.mark.parametrize("memory", [1 << 20, 100])
def test_the_first_value_of_a_key_counts(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.catalogue.formats.recent._MAX_BYTES", 100)
    with Once[str](memory) as once:
        assert all(once.put(f"k{n}", f"v{n}", 10) for n in range(3_000))
        assert not once.put("k7", "again", 10)
        assert [once.get(f"k{n}") for n in (0, 7, 2_999)] == ["v0", "v7", "v2999"]
        assert once.get("k3000") is None
        assert list(once.values()) == [f"v{n}" for n in range(3_000)]


def test_keys_that_share_a_bit_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.catalogue.formats.once._BYTES", 1)
    with Once[int](1 << 20) as once:
        assert all(once.put(str(n), n, 10) for n in range(50))
        assert not any(once.put(str(n), -n, 10) for n in range(50))
        assert [once.get(str(n)) for n in range(50)] == list(range(50))


def test_recent_values_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.catalogue.formats.recent._MAX_BYTES", 80)
    recent: Recent[int] = Recent()
    for n in range(20):
        recent.put(str(n), n, 10)
    recent.put("large", 1, 11)
    assert [recent.get(str(n)) for n in (0, 11, 12, 19)] == [None, None, 12, 19]
    assert recent.get("large") is None
