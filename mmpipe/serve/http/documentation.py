"""docs/api/openapi.json: the HTTP API, told by the code that answers it.

``python -m mmpipe.serve.http.documentation`` writes it in a checkout, ``--check`` only compares. It is the
document of a service with API keys, so that each operation names its scope.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from mmpipe.reference import Reference
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, SpeechSettings


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


def pages(docs: Path) -> dict[str, str]:
    """The file's content by its path under ``docs``."""
    return {"api/openapi.json": json.dumps(api_document(), indent=1, ensure_ascii=False) + "\n"}


REFERENCE: Final = Reference(pages)


if __name__ == "__main__":
    sys.exit(REFERENCE.main())
