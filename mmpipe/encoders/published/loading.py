"""Networks of transformers, read one at a time in the whole process.

While it loads one, transformers (5.23) turns the tying of weights off for every model of the process, so that
another that is loaded in a second thread ends without its tied weights
(findings/transformers-loads-in-threads.sh).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

_LOADING: Final = threading.Lock()


def load_network(kind: Any, folder: Path, **options: Any) -> tuple[Any, Any]:
    """``kind.from_pretrained`` of a folder, in float32, and its report of what the files lack or what does
    not fit, which transformers fills with random numbers. Local, plain and safe: no repository code, no
    pickle, no network. Blocks while another is read. Raises as transformers does."""
    import torch

    with _LOADING:
        network, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    return network, report
