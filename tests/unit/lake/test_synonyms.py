"""A collection's own synonyms: what a file may say, and replacing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.errors import InvalidRequest, StorageUnavailable
from mmpipe.lake.synonyms import MAX_LINES, NO_LINES, Group, Replacement, SynonymFile, parse_synonyms
from mmpipe.objects import open_store
from mmpipe.settings import StorageSettings


def test_every_kind_of_line_is_read() -> None:
    lines = (
        "\ufeff# remark\nsofa|couch\t沙发\r\n\nfootwear => shoes|boots\nC#|c sharp\n\t毛巾|浴巾\n- settee\n"
    )
    found = parse_synonyms(lines.encode())
    assert found.groups == (
        Group(("sofa", "couch"), ("沙发",)),
        Group(("C#", "c sharp")),
        Group((), ("毛巾", "浴巾")),
    )
    assert found.replacements == (Replacement(("footwear",), ("shoes", "boots")),)
    assert (found.alone, len(found)) == (("settee",), 5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"sofa", "line 1: a group"),
        (b"a|b\nsofa|", "line 2: a group"),
        (b"a|b\tc\td", "line 1: has more than two columns"),
        (b"a =>", "both sides"),
        (b"=> b", "both sides"),
        (b"\xff", "not UTF-8"),
        (b"a|" + b"b" * 201, "200 characters"),
        ("|".join(map(str, range(41))).encode(), "40 words"),
        (b"a|b\n" * (MAX_LINES + 1), "more than 50,000 lines"),
        (b"a" * 4_000_001, "bytes"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        parse_synonyms(data)


def test_a_file_is_replaced_as_a_whole_and_followed(tmp_path: Path) -> None:
    uri = tmp_path.as_uri()
    file, other = (SynonymFile(open_store(uri, StorageSettings()), uri) for _ in range(2))
    assert file.read() is NO_LINES
    assert file.text() == b""
    assert len(other.replace(b"sofa|couch\n")) == 1
    seen = file.read()
    assert seen.groups == (Group(("sofa", "couch")),)
    assert file.read() is seen
    with pytest.raises(InvalidRequest):
        other.replace(b"sofa")
    assert file.text() == b"sofa|couch\n"
    other.replace(b"")
    assert len(file.read()) == 0
    (tmp_path / "synonyms.tsv").write_bytes(b"damaged")
    with pytest.raises(StorageUnavailable, match="set the synonyms again"):
        file.read()
