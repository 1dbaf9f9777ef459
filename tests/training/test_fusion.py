"""The fusion's command, and what is held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import FusionKind
from tests.unit.learn.vectors import table
from training import fusion as trainer
from training.fusion import split

KINDS: tuple[FusionKind, ...] = get_args(FusionKind)


def test_near_duplicates_are_on_one_side() -> None:
    products = table()
    doubled = products.subset(np.concatenate([np.arange(400), np.arange(400)]))
    learned, held = split(doubled, 0.3)
    assert len(learned) + len(held) == 800
    assert not set(learned.group.tolist()) & set(held.group.tolist())


def test_one_command_trains_from_a_table_and_installs_nothing_else(tmp_path: Path) -> None:
    table(200).save(tmp_path / "vectors.npz")
    command = ["--vectors", str(tmp_path / "vectors.npz"), "--out", str(tmp_path / "run"), "--steps", "3"]
    trainer.main(command)
    found = json.loads((tmp_path / "run" / "fusion.json").read_text())
    assert found["best"] in KINDS
    assert {"untrained", *KINDS} <= found.keys()
    assert fusion_file.describe(tmp_path / "run" / "fusion.safetensors").kind == found["best"]
    for kind in KINDS:
        assert fusion_file.describe(tmp_path / "run" / f"{kind}.safetensors").weights["text"] > 0
