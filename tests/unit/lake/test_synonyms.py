"""A collection's own synonyms: what a file may say, and replacing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.errors import InvalidRequest, StorageUnavailable
from mmpipe.lake import synonyms
from mmpipe.lake.synonyms import MAX_LINES, NO_LINES, Group, Replacement, SynonymFile, parse_synonyms
from mmpipe.objects import open_store
from mmpipe.settings import StorageSettings


def many(count: int, begin: int = 0) -> bytes:
    return b"|".join(b"x%d" % n for n in range(begin, begin + count))


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
        # However a word is spelt, and in whatever lines it stands.
        (b"".join(b"shoe%s => %s\n" % (b"!" * n, many(40)) for n in range(6)), "line 6: more than 200 words"),
        (
            b"".join(b"Shoes|%s\n" % many(30) for _ in range(7)),
            "line 7: more than 200 words stand for",
        ),
        ("".join(f"鞋子 => {many(40).decode()}\n" for _ in range(6)).encode(), "stand for '鞋子'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        parse_synonyms(data)


def test_the_words_of_a_file_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synonyms, "MAX_WORDS", 5)
    assert len(parse_synonyms(b"a|b\nc => d|e")) == 2
    with pytest.raises(InvalidRequest, match="line 3: is one word more than the 5"):
        parse_synonyms(b"a|b\nc => d|e\n- f")


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
