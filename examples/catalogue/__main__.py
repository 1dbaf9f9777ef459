"""``python -m examples.catalogue FOLDER``: draw the sample catalogue, laid out as a shop would upload it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.catalogue.writer import write_sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Write it and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m examples.catalogue", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=600, help="products, 24 or more (default: 600)")
    chosen = parser.parse_args(arguments)
    drawn = write_sample(chosen.folder, count=chosen.count)
    sys.stdout.write(
        f"{drawn.folder / drawn.feed}: {drawn.uploaded} rows, of which {drawn.expected_indexed} are products"
        f" and the rest cannot be used; {len(drawn.files) - 1} photos, clips and recordings beside it\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
