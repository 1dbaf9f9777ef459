"""Load the starter profile from the package, or from any folder the exporter wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import Encoder, EncoderInfo, FusionInfo, Modality, Profile, Reach
from mmpipe.encoders.pooling import Pooling
from mmpipe.encoders.starter.encoders import StarterAudio, StarterImage, StarterText, StarterVideo
from mmpipe.encoders.starter.features import Vocabulary
from mmpipe.encoders.starter.towers import DIM, AudioTower, ImageTower, TextTower
from mmpipe.encoders.starter.weights import GLOSSARY, dequantise, read_tensors, sha256_of, verify
from mmpipe.errors import ModelUnavailable

WEIGHTS = Path(__file__).parent / "weights"
# Where the folder holds no learned fusion. Chosen on the sample catalogue: the title names the product, the
# picture shows it, sound and motion add.
FUSION = FusionInfo(
    kind="weighted_mean",
    revision="starter-1",
    weights={"text": 0.5, "image": 0.35, "video": 0.1, "audio": 0.05},
)

# Chosen by benchmarks/video_pooling.py; from 8 to 32 it hardly matters.
POOLING = Pooling(sharpness=16.0)
# Of the shipped towers and fusion, in parts of the fusion's nearness. Of 111 queries for what other shops
# sell, in words that the tower knows, nine tenths come no nearer than 0.66, 0.69 and 0.72 of 400, 1,600 and
# 10,000 fashion products; nine tenths of 30 that ask for those by another word than theirs come to 0.67, 0.72
# and 0.75. Of pictures alone, in the fashion shop, the best of what was asked for is 0.72 to 0.80, and of
# other things 0.45 to 0.65. ``sure`` is by benchmarks/nothing_found.py's choosing half. All were measured on
# texts without their constant and brought to cosines with it, (c + 0.09) / 1.09, of pictures c / 1.044.
REACH = Reach(far=0.42, near=0.65, sure=0.69, seen=0.67, crowd=0.041)


@dataclass(frozen=True, slots=True)
class LoadedStarter:
    """The starter profile and its encoders; ``text`` also tells its confidence in a query."""

    profile: Profile
    text: StarterText
    image: StarterImage
    audio: StarterAudio
    video: StarterVideo

    @property
    def encoders(self) -> Mapping[Modality, Encoder]:
        """The encoders by modality."""
        return {"text": self.text, "image": self.image, "audio": self.audio, "video": self.video}


def load(threads: int | None = None, folder: Path | None = None, name: str = "starter") -> LoadedStarter:
    """Verify and load the weights; ``threads`` sets torch's intra-op threads for the whole process.

    Towers that were adapted elsewhere have a profile ``name`` of their own.

    Raises :class:`ModelUnavailable` when a file is missing, damaged, or not what the manifest says.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    home = folder or WEIGHTS
    digests = verify(home, Path(__file__).parent / GLOSSARY)
    try:
        text, vocabulary = _read_text(home / "text.safetensors")
        image = load_image(home / "image.safetensors")
        audio = AudioTower(norm=False)
        audio.load_state_dict(dequantise(read_tensors(home / "audio.safetensors")))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelUnavailable(
            f"the weights in {home} are of other towers than this version's: {error}; train them again with "
            "this version (mmpipe train encoders)"
        ) from error
    infos: dict[str, EncoderInfo] = {
        modality: EncoderInfo(f"starter/{modality}", digests[f"{file}.safetensors"][:16], modality, DIM)
        for modality, file in _FILES.items()
    }
    infos["video"] = replace(infos["video"], revision=POOLING.revised(infos["video"].revision))
    image_encoder = StarterImage(image, infos["image"])
    return LoadedStarter(
        profile=Profile(name, DIM, infos, _fusion(home)),
        text=StarterText(text, vocabulary, infos["text"], REACH if folder is None else None),
        image=image_encoder,
        audio=StarterAudio(audio, infos["audio"]),
        video=StarterVideo(image_encoder, infos["video"], POOLING),
    )


# Video goes through the image tower, so it changes when that does.
_FILES: dict[Modality, str] = {"text": "text", "image": "image", "audio": "audio", "video": "image"}


def _fusion(home: Path) -> FusionInfo:
    path = home / fusion_file.FUSION_FILE
    return fusion_file.describe(path) if path.is_file() else FUSION


def load_text(path: Path) -> StarterText:
    """The text encoder of one weight file, checked against no manifest: for training towers to it."""
    text, vocabulary = _read_text(path)
    return StarterText(text, vocabulary, EncoderInfo("starter/text", sha256_of(path)[:16], "text", DIM))


def load_image(path: Path) -> ImageTower:
    """The image tower of one weight file, as exported: without batch normalisation."""
    state = dequantise(read_tensors(path))
    values = state.get("concepts.values")
    two_eyes = "backbone.stem.conv.weight" in state
    tower = ImageTower(
        norm=False,
        concepts=0 if values is None else len(values),
        two_eyes=two_eyes,
        hubness="hubness.direction" in state,
    )
    tower.load_state_dict(state)
    return tower


def _read_text(path: Path) -> tuple[TextTower, Vocabulary]:
    packed = read_tensors(path)
    vocabulary = Vocabulary(packed.pop("keys").tolist())
    text = TextTower(len(vocabulary), initialise=False)
    text.load_state_dict(dequantise(packed), assign=True)
    return text, vocabulary
