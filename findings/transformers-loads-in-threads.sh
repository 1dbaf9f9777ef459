#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): two threads that load checkpoints with from_pretrained at once, be they of
# one model or of two, both get a model whose tied weight (GPT-2's lm_head) is on the meta device, without a
# number in it. No error is raised. While one loads, the tying of weights is off for every model of the process,
# and a checkpoint holds tied weights once, so the other name stays empty. Loaded one after the other, all are
# whole. A service that loads models on demand has to hold a lock of its own over every from_pretrained.
#
# Seen: "one thread: 0 of 5 not whole, two threads: 10 of 10".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0
cat > load.py <<'PYTHON'
import threading

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

torch.set_num_threads(1)
config = GPT2Config(n_layer=2, n_head=2, n_embd=32, vocab_size=100)
saved = [GPT2LMHeadModel(config) for _ in range(2)]
for number, model in enumerate(saved):
    model.save_pretrained(f"checkpoint-{number}")


def whole(model):
    return not any(weight.is_meta for weight in model.state_dict().values())


def loaded(threads):
    start, models = threading.Barrier(threads), []

    def load(number):
        start.wait()
        models.append(AutoModelForCausalLM.from_pretrained(f"checkpoint-{number}"))

    running = [threading.Thread(target=load, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(not whole(model) for model in models)


alone, beside = sum(loaded(1) for _ in range(5)), sum(loaded(2) for _ in range(5))
print(f"one thread: {alone} of 5 not whole, two threads: {beside} of 10")
PYTHON
venv/bin/python load.py 2>/dev/null | tee told
grep -qx "one thread: 0 of 5 not whole, two threads: 10 of 10" told
