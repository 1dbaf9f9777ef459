"""``python -m examples.assistant FOLDER``: the judged set of the assistant as files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from examples.assistant.fresh import fresh
from examples.assistant.later import later
from examples.assistant.natural import choosing, reporting
from examples.assistant.products import catalogue
from examples.assistant.shoppers import choosing as shoppers_choosing
from examples.assistant.shoppers import reporting as shoppers_reporting
from examples.assistant.turns import conversations, reviews
from examples.assistant.unseen import unseen


def write(folder: Path) -> None:
    """Products, reviews and the sets of turns, each as ``….jsonl`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[dict[str, Any]]] = {
        "products": catalogue(),
        "turns": conversations(),
        "later": later(),
        "unseen": unseen(),
        "fresh": fresh(),
        "natural-choosing": choosing(),
        "natural-reporting": reporting(),
        "shoppers-choosing": shoppers_choosing(),
        "shoppers-reporting": shoppers_reporting(),
        "reviews": [dict(review) for review in reviews()],
    }
    for name, rows in files.items():
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
