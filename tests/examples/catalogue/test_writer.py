from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from examples.catalogue.faults import ExpectedReject
from examples.catalogue.writer import SampleManifest, write_sample
from mmpipe.errors import InvalidRequest

COUNT = 16


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleManifest, list[tuple[int, int]]]:
    steps: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("sample")
    manifest = write_sample(
        folder, count=COUNT, workers=1, progress=lambda done, total: steps.append((done, total))
    )
    return manifest, steps


@pytest.fixture(scope="module")
def manifest(written: tuple[SampleManifest, list[tuple[int, int]]]) -> SampleManifest:
    return written[0]


def _lines(manifest: SampleManifest) -> list[str]:
    return (manifest.folder / manifest.feed).read_text(encoding="utf-8").splitlines()


def _row(manifest: SampleManifest, reject: ExpectedReject) -> dict[str, object]:
    row = json.loads(_lines(manifest)[reject.row - 1])
    assert isinstance(row, dict)
    return row


def test_counts_agree(manifest: SampleManifest) -> None:
    media = [r for r in manifest.expected_rejects if r.scope == "media"]
    rows = [r for r in manifest.expected_rejects if r.scope == "row"]
    assert 8 <= len(media) + len(rows) <= 12
    assert manifest.uploaded == len(_lines(manifest)) == COUNT + len(media) + len(rows)
    assert manifest.expected_indexed == COUNT + len(media)


def test_progress_reaches_the_end(written: tuple[SampleManifest, list[tuple[int, int]]]) -> None:
    assert written[1] == [(done, COUNT) for done in range(1, COUNT + 1)]


def test_every_file_is_named_once_and_the_feed_comes_last(manifest: SampleManifest) -> None:
    there = {str(p.relative_to(manifest.folder)) for p in manifest.folder.rglob("*") if p.is_file()}
    assert set(manifest.files) == there
    assert len(manifest.files) == len(there)
    assert manifest.files[-1] == manifest.feed


def test_sound_rows_name_files_that_exist_and_hold_both_languages(manifest: SampleManifest) -> None:
    faulty = {r.row for r in manifest.expected_rejects}
    for number, line in enumerate(_lines(manifest), start=1):
        if number in faulty:
            continue
        row = json.loads(line)
        links = [row["image_link"], *row.get("additional_image_link", [])]
        links += [row[name] for name in ("video_link", "audio_link") if name in row]
        for link in links:
            assert (manifest.folder / link).stat().st_size > 1000
        assert row["language"] == "en"
        assert any("\u4e00" <= c <= "\u9fff" for c in row["translations"]["zh"]["title"])
        amount, currency = row["price"].split()
        assert float(amount) > 0
        assert currency == "USD"
    with Image.open(manifest.folder / f"media/{manifest.products[0].id}.jpg") as image:
        assert image.size == (512, 512)


def test_planted_faults_are_where_the_manifest_says(manifest: SampleManifest) -> None:
    lines = _lines(manifest)
    for reject in manifest.expected_rejects:
        if reject.field == "row":
            with pytest.raises(json.JSONDecodeError):
                json.loads(lines[reject.row - 1])
        elif reject.product_id is not None:
            assert _row(manifest, reject)["id"] == reject.product_id
            assert (reject.field in _row(manifest, reject)) == (reject.product_id != "specimen-untitled")
        else:
            assert ".." in str(_row(manifest, reject)["id"])


def test_planted_media_are_really_broken(manifest: SampleManifest) -> None:
    media = {r.product_id: r for r in manifest.expected_rejects if r.scope == "media"}
    folder = manifest.folder / "media"
    with pytest.raises(OSError, match="truncated"), Image.open(folder / "specimen-truncated.jpg") as image:
        image.load()
    with pytest.raises(UnidentifiedImageError):
        Image.open(folder / "specimen-text-photo.jpg")
    assert (folder / "specimen-bomb.png").stat().st_size < 10_000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(folder / "specimen-bomb.png")
    assert not (folder / "specimen-absent.jpg").exists()
    assert "169.254.169.254" in str(_row(manifest, media["specimen-metadata"])["image_link"])
    assert "specimen-noise-clip" in media


def test_other_processes_write_the_same_bytes(manifest: SampleManifest, tmp_path: Path) -> None:
    again = write_sample(tmp_path, count=COUNT, workers=2)
    assert again.expected_rejects == manifest.expected_rejects
    assert again.files == manifest.files
    for key in manifest.files:
        one, other = ((m.folder / key).read_bytes() for m in (manifest, again))
        assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest(), key


def test_reasons_are_compared_without_regard_to_case() -> None:
    reject = ExpectedReject(1, None, "price", "row", "amount")
    assert reject.explains("'free' holds no Amount")
    assert not reject.explains("is negative")


def test_no_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="workers"):
        write_sample(tmp_path, workers=0)
