"""Draw the pictures that tell whether a shop's training forgot what the starter knew of other goods.

::

    python -m training.general

writes ``general.json`` (titles in both languages) and ``general.webp`` (their pictures, one below the other)
into :mod:`mmpipe.learn.adapt`. They are of another seed than those trained on and than the sample catalogue.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import mmpipe.learn.adapt as package
from mmpipe.encoders.starter.towers import TRUNK_CANVAS
from mmpipe.learn.adapt.measure import PICTURES, TITLES
from training.renders import read_renders

COUNT, SEED = 160, 4_021
_QUALITY = 90


def write(folder: Path) -> None:
    """Both files; the same bytes on the same versions of Pillow and numpy."""
    with TemporaryDirectory() as cache:
        renders = read_renders(COUNT, SEED, Path(cache))
    titles = [{"en": item.title, "zh": item.title_zh} for item in renders.items]
    (folder / TITLES).write_text(json.dumps(titles, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    column = renders.pixels.reshape(-1, TRUNK_CANVAS[1], 3)
    Image.fromarray(column).save(folder / PICTURES, quality=_QUALITY, method=6)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.general")
    parser.add_argument("--out", type=Path, default=Path(package.__file__).parent)
    write(parser.parse_args(argv).out)


if __name__ == "__main__":
    main()
