from __future__ import annotations

import dataclasses
import io
import wave

import av
import numpy as np
import pytest
from PIL import Image

from examples.catalogue.media import encode_jpeg, make_sound, make_video
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from examples.catalogue.words import CATEGORIES
from mmpipe.errors import InvalidRequest


@pytest.fixture(scope="module")
def products() -> list[SampleProduct]:
    return generate_products()


def _samples(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float) / 32768


def test_jpeg_shows_what_was_drawn(products: list[SampleProduct]) -> None:
    picture = render_image(products[0], size=128)
    opened = Image.open(io.BytesIO(encode_jpeg(picture)))
    assert opened.format == "JPEG"
    assert np.abs(np.asarray(opened).astype(int) - picture).mean() < 6


def test_video_is_two_seconds_of_a_moving_product(products: list[SampleProduct]) -> None:
    product = next(p for p in products if p.has_video)
    data = make_video(product, size=96)
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
        assert container.duration == pytest.approx(2_000_000, rel=0.1)
    assert len(frames) == 20
    assert frames[0].shape == (96, 96, 3)
    assert np.abs(frames[0] - frames[5]).mean() > 2
    assert make_video(product, size=96) == data


@pytest.mark.parametrize("kind", sorted({c.sound for c in CATEGORIES.values() if c.sound} | {"spoken"}))
def test_every_kind_of_recording_sounds(kind: str, products: list[SampleProduct]) -> None:
    product = dataclasses.replace(products[0], sound=kind)
    samples = _samples(make_sound(product))
    assert 1.0 < len(samples) / 16_000 < 4.0
    assert np.abs(samples).max() == pytest.approx(0.8, abs=0.01)
    assert np.sqrt((samples**2).mean()) > 0.01
    assert make_sound(product) == make_sound(product)


def test_kinds_of_recordings_differ_in_their_spectrum(products: list[SampleProduct]) -> None:
    def middle(kind: str) -> float:
        samples = _samples(make_sound(dataclasses.replace(products[0], sound=kind)))
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float((np.fft.rfftfreq(len(samples), 1 / 16_000) * power).sum() / power.sum())

    assert middle("pluck") < 1200 < middle("whistle")
    assert middle("motor") < middle("bell")


def test_products_of_one_kind_sound_different(products: list[SampleProduct]) -> None:
    guitars = [dataclasses.replace(p, sound="pluck") for p in products[:2]]
    assert make_sound(guitars[0]) != make_sound(guitars[1])


def test_a_silent_product_has_no_recording(products: list[SampleProduct]) -> None:
    with pytest.raises(InvalidRequest, match="has no recording"):
        make_sound(dataclasses.replace(products[0], sound=None))
