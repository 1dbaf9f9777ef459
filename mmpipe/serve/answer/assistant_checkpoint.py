"""A language model of a folder, run in this process, that words answers: a checkpoint of transformers.

Local files alone: no repository's code, no pickle, no network. It is loaded with the first answer that it may
word; until it is there, and wherever it takes too long, templates word the answers.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmpipe.assistant.checked import WordingRefused
from mmpipe.encoders.published.loading import load_network
from mmpipe.errors import ModelUnavailable
from mmpipe.serve.answer.assistant_model import ORDER, Waiting

if TYPE_CHECKING:
    from mmpipe.settings import AssistantSettings

_CONFIG: Final = "config.json"
_UNREADABLE: Final = "the model cannot be read"
# A folder that could not be read is tried again after so long.
_AGAIN_SECONDS: Final = 60.0
_log = logging.getLogger("mmpipe.serve")


class CheckpointModel(Waiting):
    """See :class:`~mmpipe.assistant.checked.LanguageModel`. One answer at a time: it takes all that the
    process has.

    Raises :class:`ModelUnavailable` for a folder that holds no model.
    """

    def __init__(self, folder: Path, settings: AssistantSettings) -> None:
        if not (folder / _CONFIG).is_file():
            raise ModelUnavailable(f"the assistant's model: no {_CONFIG} in {folder}")
        super().__init__(settings.model_timeout_seconds, 1)
        self._folder = folder
        self._most_tokens = settings.model_tokens
        self._lock = threading.Lock()
        self._held: tuple[Any, Any] | None = None
        self._again = 0.0

    def content(self, message: str, ends: float) -> str:
        """See :class:`Waiting`."""
        network, tokenizer = self._loaded()
        try:
            return self._written(network, tokenizer, message, ends)
        except WordingRefused:
            raise
        except Exception as error:  # noqa: BLE001  whatever a folder's files make of the package
            told = {"folder": str(self._folder), "reason": f"{type(error).__name__}: {error}"}
            _log.warning("the assistant's model cannot word an answer", extra=told)
            raise WordingRefused(f"the model gave no answer ({type(error).__name__})") from None

    def _written(self, network: Any, tokenizer: Any, message: str, ends: float) -> str:
        import torch

        asked = _asked(tokenizer, message)
        room = getattr(network.config, "max_position_embeddings", None)
        if room is not None and asked.shape[1] + self._most_tokens > room:
            raise WordingRefused("the claims are more than the model reads")
        left = ends - time.monotonic()
        if left <= 0:
            raise WordingRefused(f"the model took longer than {self.seconds:g} s")
        with torch.inference_mode():
            written = network.generate(
                asked,
                attention_mask=torch.ones_like(asked),
                do_sample=False,
                max_new_tokens=self._most_tokens,
                max_time=left,
                pad_token_id=tokenizer.eos_token_id,
            )
        text: str = tokenizer.decode(written[0, asked.shape[1] :], skip_special_tokens=True)
        # Models that nothing holds to JSON put words around it.
        return text[text.find("{") : text.rfind("}") + 1]

    def _loaded(self) -> tuple[Any, Any]:
        with self._lock:
            if self._held is not None:
                return self._held
            if time.monotonic() < self._again:
                raise WordingRefused(_UNREADABLE)
            try:
                self._held = _load(self._folder)
            except Exception as error:  # noqa: BLE001  whatever a folder's files make of the package
                self._again = time.monotonic() + _AGAIN_SECONDS
                _log.warning(
                    "the assistant's model cannot be read",
                    extra={"folder": str(self._folder), "reason": f"{type(error).__name__}: {error}"},
                )
                raise WordingRefused(_UNREADABLE) from None
            return self._held


def _load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    network, report = load_network(AutoModelForCausalLM, folder)
    if report["missing_keys"] or report["mismatched_keys"]:
        raise ModelUnavailable("the weights do not fit the model's configuration")
    return network.eval(), tokenizer


def _asked(tokenizer: Any, message: str) -> Any:
    """What the model reads, as token ids of one row: by the checkpoint's own template, where it has one."""
    whole = f"{ORDER}\n{message}"
    if tokenizer.chat_template is None:
        return tokenizer(f"{whole}\n", return_tensors="pt")["input_ids"]
    from jinja2 import TemplateError

    # The template is of the checkpoint; what it is given is data that was written as JSON.
    templated = partial(tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=True)
    try:
        text = templated([{"role": "system", "content": ORDER}, {"role": "user", "content": message}])
    except TemplateError:
        # Some models' templates refuse whoever is neither user nor assistant.
        text = templated([{"role": "user", "content": whole}])
    return tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
