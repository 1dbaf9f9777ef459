"""Who is called what where several products of a file would have one id."""

from collections.abc import Iterator

import pytest

from mmpipe.catalogue.formats.live_ids import Unnamed, with_ids
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed, InvalidRow


def _ids(*items: Unnamed | Record) -> list[tuple[int, str, str]]:
    return [(found.row, found.meaning, (found.values or {})["id"]) for found in with_ids(items)]


def test_the_first_product_for_sale_keeps_an_id_and_the_second_gets_one_of_its_own() -> None:
    (first, second) = _ids(Unnamed(1, {}, ["A"], "one"), Unnamed(2, {}, ["A"], "two"))
    assert first == (1, "product", "A")
    assert second[2].startswith("A-two-")


def test_a_repeated_product_keeps_its_id() -> None:
    found = _ids(Unnamed(1, {}, ["A"], "one"), Unnamed(2, {}, ["A"], "two"), Unnamed(3, {}, ["A"], "one"))
    assert [name for _, _, name in found][::2] == ["A", "A"]


def test_further_names_come_before_made_up_ones() -> None:
    assert _ids(Unnamed(1, {}, ["A"], "one"), Unnamed(2, {}, ["A", "B"], "two"))[1][2] == "B"


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_withdrawn_product_takes_no_id_from_one_for_sale(withdrawn_first: bool) -> None:
    withdrawn = Unnamed(7, {}, ["A"], "old", "withdrawn")
    live = Unnamed(8, {}, ["A"], "new")
    found = _ids(withdrawn, live) if withdrawn_first else _ids(live, withdrawn)
    assert found[0] == (8, "product", "A")
    assert found[1][:2] == (7, "withdrawn")
    assert found[1][2].startswith("A-old-")


def test_a_withdrawn_product_alone_is_deleted_by_its_name() -> None:
    (found,) = with_ids([Unnamed(1, {"title": "x"}, ["A"], "one", "withdrawn", "G")])
    assert (found.meaning, found.group_id) == ("withdrawn", "G")
    assert found.values == {"id": "A", "title": "x", "_op": "delete"}


def test_of_one_product_the_later_record_counts() -> None:
    live, withdrawn = Unnamed(1, {}, ["A"], "one"), Unnamed(2, {}, ["A"], "one", "withdrawn")
    assert _ids(live, withdrawn) == [(1, "product", "A"), (2, "withdrawn", "A")]
    assert _ids(withdrawn, live)[0] == (1, "product", "A")
    assert _ids(withdrawn, live)[1][2] != "A"


def test_a_rejected_record_claims_nothing() -> None:
    found = _ids(
        Unnamed(1, {}, ["A"], "one", problem=InvalidRow("x", "is bad")), Unnamed(2, {}, ["A"], "two")
    )
    assert [name for _, _, name in found] == ["A", "A"]


def test_many_ids_stay_apart() -> None:
    found = [name for _, _, name in _ids(*(Unnamed(n, {}, [f"S{n // 2}"], str(n)) for n in range(20_000)))]
    assert len(set(found)) == 20_000
    assert found[:20_000:2] == [f"S{n}" for n in range(10_000)]


def test_a_file_that_breaks_off_gives_what_came_before_it() -> None:
    def items() -> Iterator[Unnamed]:
        yield Unnamed(1, {}, ["A"], "one", "withdrawn")
        raise InvalidFeed("is cut off")

    found = with_ids(items())
    assert next(found).row == 1
    with pytest.raises(InvalidFeed, match="cut off"):
        next(found)
