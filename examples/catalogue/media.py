"""Pictures, clips and recordings of a product as the bytes of files."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.catalogue.products import SampleProduct
from examples.catalogue.render import render_image
from examples.catalogue.sounds import RATE, sound_of

# x264's lookahead decides differently from run to run; without it the same frames give the same bytes.
_REPEATABLE = {
    "libx264": {
        "preset": "veryfast",
        "crf": "26",
        "x264-params": "threads=1:rc-lookahead=0:mbtree=0:scenecut=0:bframes=0",
    },
    "mpeg4": {"threads": "1", "b": "400k"},
}


def encode_jpeg(picture: NDArray[np.uint8], *, quality: int = 88) -> bytes:
    """A JPEG of an RGB picture of shape (height, width, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def make_video(product: SampleProduct, *, seconds: float = 2.0, rate: int = 10, size: int = 256) -> bytes:
    """An MP4 of the product on a turntable: it swings, comes closer, and the lamp moves round it.

    H.264 where this build of FFmpeg has libx264, else MPEG-4 part 2; yuv420p, ``size`` square, no sound.
    """
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream(codec, rate=rate, options=_REPEATABLE[codec])
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        frames = round(seconds * rate)
        for index in range(frames):
            picture = render_image(product, size=size, moment=index / frames)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def make_sound(product: SampleProduct) -> bytes:
    """A WAV file, mono, 16 kHz, 16 bit: the product's typical sound, or its introduction.

    An introduction (``product.sound == "spoken"``) is synthesised babble in the rhythm of the title, not
    intelligible speech.

    Raises:
        InvalidRequest: the product has no recording.
    """
    samples = sound_of(product)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
