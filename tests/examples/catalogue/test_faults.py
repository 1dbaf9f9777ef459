"""The planted faults against the rooms that must turn them away."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.catalogue.writer import SampleManifest, write_sample
from mmpipe import media
from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.errors import InvalidMedia
from mmpipe.objects import open_store
from mmpipe.settings import FeedSettings, MediaSettings, StorageSettings


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> SampleManifest:
    return write_sample(tmp_path_factory.mktemp("faults"), count=6, workers=1)


@pytest.fixture(scope="module")
def rows(manifest: SampleManifest) -> dict[int, FeedRow]:
    path: Path = manifest.folder / manifest.feed
    with path.open("rb") as stream:
        return {row.row: row for row in read_feed(stream, manifest.feed, FeedSettings())}


def _problems(row: FeedRow, folder: Path) -> list[InvalidMedia]:
    assert row.product is not None
    settings = MediaSettings()
    fetcher = media.Fetcher(settings, lambda uri: open_store(uri, StorageSettings()))
    references, problems = media.resolve(row.product, f"{folder.as_uri()}/", settings)
    for reference in references:
        try:
            media.decode(reference.modality, fetcher.fetch(reference).data, settings, reference.field)
        except InvalidMedia as problem:
            problems.append(problem)
    return problems


def test_faulty_rows_are_turned_away_for_the_expected_reason(
    manifest: SampleManifest, rows: dict[int, FeedRow]
) -> None:
    expected = {r.row: r for r in manifest.expected_rejects if r.scope == "row"}
    assert {number for number, row in rows.items() if row.reject is not None} == set(expected)
    for number, reject in expected.items():
        found = rows[number].reject
        assert found is not None
        assert found.field == reject.field
        assert reject.explains(found.reason), found.reason
        assert rows[number].product_id == reject.product_id


def test_faulty_media_are_turned_away_and_nothing_else_is(
    manifest: SampleManifest, rows: dict[int, FeedRow]
) -> None:
    expected = {r.row: r for r in manifest.expected_rejects if r.scope == "media"}
    kept = {number: row for number, row in rows.items() if row.product is not None}
    assert len(kept) == manifest.expected_indexed
    for number, row in kept.items():
        problems = _problems(row, manifest.folder)
        if number not in expected:
            assert not problems
            continue
        assert [p.field for p in problems] == [expected[number].field]
        assert expected[number].explains(problems[0].reason), problems[0].reason
        assert row.product_id == expected[number].product_id
