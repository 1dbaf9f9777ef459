"""CPU time of SigLIP 2's towers at their published size, with random weights: time does not depend on them.

    python benchmarks/towers.py

One thread, bfloat16; ``text_ms`` and ``image_ms`` are one input alone, ``…_batch_ms`` one of a batch. CPU
time, which other load on the machine inflates little. The vocabulary is small: looking a token up is free.
Prints one JSON line.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TEXTS, _IMAGES = 16, 8


def main() -> None:
    """Build, measure, print."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.set_num_threads(1)
    tower = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
    }
    text = tower | {
        "vocab_size": 1_000,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = SiglipConfig(text_config=text, vision_config=tower | {"image_size": 224, "patch_size": 16})
    with torch.inference_mode():
        model = SiglipModel(config).eval().to(torch.bfloat16)
        tokens = torch.randint(3, 1_000, (_TEXTS, 64))
        pixels = torch.randn(_IMAGES, 3, 224, 224, dtype=torch.bfloat16)
        report = {
            "text_ms": _ms(lambda: model.get_text_features(input_ids=tokens[:1]), 15),
            "text_batch_ms": _ms(lambda: model.get_text_features(input_ids=tokens), 3) / _TEXTS,
            "image_ms": _ms(lambda: model.get_image_features(pixel_values=pixels[:1]), 5),
            "image_batch_ms": _ms(lambda: model.get_image_features(pixel_values=pixels), 3) / _IMAGES,
        }
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if platform.system() == "Linux" else ""
    rounded = {name: round(value, 1) for name, value in report.items()}
    print(json.dumps(rounded | {"amx": "amx_bf16" in flags, "torch": torch.__version__}))


def _ms(call: Callable[[], Any], times: int) -> float:
    call()
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) / times * 1e3


if __name__ == "__main__":
    main()
