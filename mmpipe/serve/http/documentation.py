"""docs/api/openapi.json: the HTTP API, told by the code that answers it.

``python -m mmpipe.serve.http.documentation`` writes it in a checkout, ``--check`` only compares. It is the
document of a service with API keys, so that each operation names its scope.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, SpeechSettings

FILE: Final = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"


def api_document() -> dict[str, Any]:
    """The document, by the settings' defaults; paths and schemas by name, whatever the order they are made
    in. It takes an empty lake of its own for as long."""
    with tempfile.TemporaryDirectory(prefix="mmpipe-openapi-") as folder:
        settings = Settings(
            lake=LakeSettings(uri=f"{folder}/lake"),
            indexing=IndexingSettings(uploads_uri=folder),
            serve=ServeSettings(demo_key=True, mirror_dir=f"{folder}/mirror"),
            speech=SpeechSettings(recognizer="none"),
        )
        service = QueryService(settings, LocalQueryEncoder(Models(1, settings)), listen=False)
        try:
            found: dict[str, Any] = create_app(service, Metrics("document")).openapi()
        finally:
            service.close()
    found["paths"] = dict(sorted(found["paths"].items()))
    found["components"]["schemas"] = dict(sorted(found["components"]["schemas"].items()))
    return found


def text() -> str:
    """The file's content."""
    return json.dumps(api_document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or with ``--check`` say whether it differs and return 1 if it does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where it differs")
    checking = parser.parse_args(arguments).check
    made = text()
    if not checking:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(made, encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == made:
        return 0
    print("docs/api/openapi.json differs from the code: make reference")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
