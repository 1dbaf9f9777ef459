"""The whole way of a clip with the shipped models: feed, frames, and the second that a query matches."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

pytest.importorskip("torch")

from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from mmpipe.encoders import registry
from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings


def shots(*parts: tuple[SampleProduct, float], rate: int = 10) -> bytes:
    """An MP4 that shows one product after the other, each for so many seconds."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        number = 0
        for product, seconds in parts:
            for index in range(round(seconds * rate)):
                picture = render_image(product, size=128, moment=index / (seconds * rate))
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode(None))
    return file.getvalue()


def test_a_query_for_a_shots_content_says_when_it_is_shown(tmp_path: Path) -> None:
    products = generate_products()
    dress, sofa, guitar = (
        next(p for p in products if p.category == kind) for kind in ("dress", "sofa", "guitar")
    )
    feed = tmp_path / "shop" / "feeds" / "clips.jsonl"
    (tmp_path / "shop" / "media").mkdir(parents=True)
    feed.parent.mkdir()
    rows = []
    for name, parts in {
        "dress-first": ((dress, 2.0), (sofa, 1.0)),
        "sofa-first": ((sofa, 1.5), (dress, 0.4), (guitar, 1.0)),
    }.items():
        (tmp_path / "shop" / "media" / f"{name}.mp4").write_bytes(shots(*parts))
        rows.append({"id": name, "title": "A room", "price": "5 USD", "video_link": f"media/{name}.mp4"})
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), indexing=IndexingSettings(profile="starter")
    )
    loaded = registry.load("starter", threads=1)
    record = execute_file(settings, feed, "shop", loaded=loaded)
    assert (record.status, record.indexed, record.rejected) == ("done", 2, 0)
    asked = {
        "dress": {"dress-first": (0.0, 2.0), "sofa-first": (1.5, 1.9)},
        "sofa": {"dress-first": (2.0, 3.0), "sofa-first": (0.0, 1.5)},
        "guitar": {"sofa-first": (1.9, 2.9)},
    }
    # Also shots that are a small part of their clip are asked for.
    searcher = Searcher(loaded.profile, ServeSettings(nothing_found=False))
    with LiveVersions(settings, open_lake(settings)) as store:
        for words, expected in asked.items():
            photo = render_image({"dress": dress, "sofa": sofa, "guitar": guitar}[words], size=128)
            for request, media in ((SearchRequest(text=words), {}), (SearchRequest(), {"image": photo})):
                query = encode(request, loaded, media)
                hits = {hit.id: hit.video_second for hit in searcher.search(store.get(), request, query).hits}
                for name, (low, high) in expected.items():
                    second = hits[name]
                    assert second is not None
                    assert low <= second < high, (words, name, list(media))
        strict = Searcher(loaded.profile, settings.serve)
        for words, found in (("dress", "dress-first"), ("refrigerator", None)):
            request = SearchRequest(text=words)
            seen = strict.search(store.get(), request, encode(request, loaded, {})).hits
            assert (seen[0].id if seen else None) == found, "what the clip shows, though no word says so"
