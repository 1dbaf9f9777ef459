"""From trained towers to a weights folder that loads as a profile."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

import mmpipe.encoders.starter as package
from mmpipe.encoders import fusion_file
from mmpipe.encoders.fusion_file import FUSION_FILE
from mmpipe.encoders.starter.loader import FUSION, LoadedStarter, load
from mmpipe.encoders.starter.towers import DIM
from mmpipe.encoders.starter.weights import GLOSSARY, write_manifest
from mmpipe.learn.data import Source
from mmpipe.learn.export import export_audio, export_image, export_text, finish, save_tower
from mmpipe.learn.fusion import FusionSettings, measure
from mmpipe.learn.fusion import train as train_fusion
from mmpipe.learn.fusion_forms import AttentionForm, ConcatForm, FusionForm, form_of, save
from mmpipe.learn.fusion_slots import SlotsForm
from mmpipe.learn.fusion_table import Table, build
from mmpipe.learn.measures import Embedders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.learn.adapt.model import AdaptModel
    from mmpipe.learn.catalogue_data import CatalogueData

_GLOSSARY = Path(package.__file__).parent / GLOSSARY
_FUSION_ROWS = 4_000
_FUSION_STEPS, _FUSION_BATCH = 200, 256


def export_towers(model: AdaptModel, folder: Path) -> LoadedStarter:
    """Write the towers, replacing what is in ``folder``, and load them back. No fusion is written yet."""
    shutil.rmtree(folder, ignore_errors=True)
    export_text(model.text.state_dict(), model.vocabulary, folder, _GLOSSARY)
    if model.folded:
        for name in ("image", "audio"):
            save_tower(getattr(model, name).state_dict(), folder / f"{name}.safetensors")
    else:
        export_image(model.image.state_dict(), folder)
        export_audio(model.audio.state_dict(), folder)
    write_manifest(folder, _GLOSSARY, {})
    return load(folder=folder)


def finish_folder(folder: Path, metrics: Mapping[str, float]) -> int:
    """Manifest and canonical vectors; the bytes of all weights."""
    return finish(folder, _GLOSSARY, metrics, max_bytes=None)


def embedders_of(loaded: LoadedStarter) -> Embedders:
    """Exported encoders as the measures see them."""
    return Embedders(lambda texts: loaded.text.embed_documents(list(texts)), loaded.image.embed_fitted)


def fusion_form(path: Path | None) -> FusionForm:
    """The fusion of a weight file as a module, or the default weighted mean. Raises ``ModelUnavailable``."""
    if path is None or not path.is_file():
        return form_of("weighted_mean", DIM, FUSION.weights).eval()
    info, arrays = fusion_file.read(path)
    if info.kind == "slots":
        return SlotsForm(info.weights, arrays).eval()
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    if info.kind == "gated_attention":
        form: FusionForm = AttentionForm(DIM, info.weights, width=tensors["narrow"].shape[1])
        form.load_state_dict(tensors)
        return form.eval()
    form = form_of(info.kind, DIM, info.weights)
    with torch.no_grad():
        if isinstance(form, ConcatForm):
            shares = torch.softmax(form.prior, 0)[:, None, None]
            form.correction.copy_(tensors["projection"] / shares - torch.eye(DIM))
        else:
            form.prior.copy_(tensors["weights"].clamp_min(1e-6).log())
    return form.eval()


def fusion_table(data: CatalogueData, rows: NDArray[np.int64], embed: Embedders, seed: int) -> Table:
    """The vectors of these products (4,000 of them at most) that a fusion is trained on or measured by."""
    from mmpipe.learn.adapt.views import as_item

    some = np.sort(np.random.default_rng([seed, 31]).permutation(rows)[:_FUSION_ROWS])
    items = [data.items[i] for i in some.tolist()]
    pictures = np.asarray(data.pictures[[item.pictures[0] for item in items]])
    return build(Source("catalogue", [as_item(item) for item in items], pictures), embed, seed)


def choose_fusion(
    learn: Table, held: Table, parent: Path | None, folder: Path, seed: int
) -> Literal["carried", "retrained"]:
    """Put the better of the parent's fusion and one trained anew into ``folder``, by the products of
    ``held``; says which one it is."""
    carried = fusion_form(parent)
    settings = FusionSettings(steps=_FUSION_STEPS, batch=_FUSION_BATCH, seed=seed)
    made = train_fusion(learn, carried.kind, carried.weights(), settings, say=_silent)
    if measure(made, held)["score"] > measure(carried, held)["score"]:
        save(made, folder / FUSION_FILE)
        return "retrained"
    if parent is not None and parent.is_file():
        shutil.copyfile(parent, folder / FUSION_FILE)
    return "carried"


def _silent(line: str) -> None:
    """Progress is shown by who called."""
