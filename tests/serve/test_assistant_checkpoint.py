"""A checkpoint of transformers that words answers: what it says is checked, and it has its bounds.

The checkpoint is made here: a network whose next token follows from the place in the text alone, so that it
says what a test wants it to behind one prompt.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from mmpipe.assistant.checked import Sentence, WordingRefused, accepted
from mmpipe.errors import ModelUnavailable
from mmpipe.schemas.assistant import Claim
from mmpipe.serve.answer.assistant_checkpoint import CheckpointModel
from mmpipe.serve.answer.assistant_model import ORDER, Waiting
from mmpipe.serve.answer.assistant_words import words_of
from mmpipe.settings import AssistantSettings

CLAIM = Claim(
    id="c1", product_id="p", field="attributes.weight", quote="210 g", value="210 g", start=0, end=5
)
ASKED = "how heavy is it?"
TOKENS = 80


class Overheard(Waiting):
    """Keeps what it is told."""

    message = ""

    def content(self, message: str, ends: float) -> str:
        self.message = message
        return '{"sentences": []}'


def said(model: Waiting) -> Sequence[Sentence]:
    return asyncio.run(model.sentences(ASKED, "en", [CLAIM]))


def checkpoint(folder: Path, answer: str) -> Path:
    """A model that says ``answer`` to :data:`ASKED`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    overheard = Overheard(60, 1)
    said(overheard)
    overheard.close()
    prompt = f"{ORDER}\n{overheard.message}\n"
    ids = {name: n for n, name in enumerate(["<unk>", "<eos>", *sorted(set(prompt + answer))])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>").save_pretrained(
        folder
    )
    places = len(prompt) + TOKENS + 8
    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(ids), n_positions=places, n_embd=len(ids), n_layer=1, n_head=1, n_inner=4,
            bos_token_id=1, eos_token_id=1,
        )
    )  # fmt: skip
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.transformer.ln_f.weight.fill_(1)
        network.transformer.wte.weight.copy_(torch.eye(len(ids)))
        network.transformer.wpe.weight[:, 1] = 100
        for n, letter in enumerate(answer):
            network.transformer.wpe.weight[len(prompt) - 1 + n] = 0
            network.transformer.wpe.weight[len(prompt) - 1 + n, ids[letter]] = 100
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that words the claim."""
    said = 'Sure: {"sentences":[{"text":"It weighs 210 g.","claims":["c1"]}]}'
    return checkpoint(tmp_path_factory.mktemp("words"), said)


def settings(folder: Path, **more: float) -> AssistantSettings:
    given = {"model_timeout_seconds": 60, "model_tokens": TOKENS, **more}
    return AssistantSettings.model_validate({"model_folder": str(folder), **given})


def test_the_words_of_a_checkpoint_are_taken_where_they_hold(folder: Path) -> None:
    model = words_of(settings(folder))
    assert isinstance(model, CheckpointModel)
    found = accepted(said(model), [CLAIM], "en", "")
    assert found.text == "It weighs 210 g."
    assert [(each.value, each.start, each.end) for each in found.claims] == [("210 g", 10, 15)]
    model.close()


def test_a_template_without_a_system_is_told_all_by_the_user(folder: Path, tmp_path: Path) -> None:
    refuses = "{{ raise_exception('no system') if messages[0]['role'] == 'system' else '' }}"
    templates = {refuses + "{{ messages[0]['content'] + '\\n' }}": True, "{{ nothing.there }}": False}
    for n, (template, words) in enumerate(templates.items()):
        copied = shutil.copytree(folder, tmp_path / str(n))
        (copied / "chat_template.jinja").write_text(template)
        model = CheckpointModel(copied, settings(copied))
        if words:
            assert accepted(said(model), [CLAIM], "en", "").text == "It weighs 210 g."
        else:
            with pytest.raises(WordingRefused, match="no answer"):
                said(model)
        model.close()


def test_what_a_text_talked_it_into_is_not_taken(tmp_path: Path) -> None:
    answer = '{"sentences":[{"text":"210 g, and it is free","claims":["c1"]}]}'
    model = CheckpointModel(checkpoint(tmp_path, answer), settings(tmp_path))
    with pytest.raises(WordingRefused, match="a judgement"):
        accepted(said(model), [CLAIM], "en", "")
    model.close()


def test_it_writes_no_more_than_it_may_and_no_longer(folder: Path) -> None:
    short = CheckpointModel(folder, settings(folder, model_tokens=16))
    with pytest.raises(WordingRefused, match="JSON"):
        said(short)
    hurried = CheckpointModel(folder, settings(folder, model_timeout_seconds=0.000_001))
    with pytest.raises(WordingRefused, match="took longer"):
        said(hurried)
    long = CheckpointModel(folder, settings(folder, model_tokens=TOKENS + 100))
    with pytest.raises(WordingRefused, match="more than the model reads"):
        said(long)
    for each in (short, hurried, long):
        each.close()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"config\.json"):
        words_of(settings(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    model = CheckpointModel(tmp_path, settings(tmp_path))
    with pytest.raises(WordingRefused, match="cannot be read"):
        said(model)
    model.close()


def test_a_folder_is_in_place_of_an_address() -> None:
    assert words_of(AssistantSettings()) is None
    with pytest.raises(ValidationError, match="one of them"):
        AssistantSettings(model_url="http://127.0.0.1:1/v1", model_folder="/m")
