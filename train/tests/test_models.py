"""Every projector and the network around it, against traces of the official implementation."""

import json

import pytest
import torch
from safetensors.torch import load_file

from train.checkpoint import load_into
from train.model import Honeybee, HoneybeeConfig
from train.tests.golden import GOLDEN, TOLERANCE, distance, load_pickled

CASES = ["linear", "mlp2", "resampler", "cabs-new", "cabs-heads", "dabs-query"]


def load(name: str) -> Honeybee:
    folder = GOLDEN / "models" / name
    model = Honeybee(HoneybeeConfig.from_json(json.loads((folder / "config.json").read_text())))
    if (folder / "pytorch_model.bin").exists():
        tensors = load_pickled(folder)
    else:
        tensors = {}
        for path in sorted(folder.glob("*.safetensors")):
            if not path.name.startswith("trace"):
                tensors |= load_file(path)
    tensors = {k: v.float() for k, v in tensors.items() if not k.endswith(("position_ids", "inv_freq"))}
    load_into(model, tensors, name)
    return model.eval()


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_network(name):
    trace = load_file(GOLDEN / "models" / name / "trace.safetensors")
    model = load(name)
    visual = model.abstractor(model.features(trace["image.pixels"]))
    assert distance(visual, trace["projector.output"]) < TOLERANCE
    ids = trace["prompt.ids"][None].long()
    logits = model.language_model.lm_head(model.hidden(ids, visual))[0]
    assert distance(logits, trace["llm.logits"]) < TOLERANCE
    tokens = model.generate(ids, torch.ones_like(ids), visual, len(trace["generate.ids"]))[0]
    assert tokens.tolist() == trace["generate.ids"].tolist()


@torch.no_grad()
def test_hidden_states_of_the_tower():
    trace = load_file(GOLDEN / "models" / "cabs-new" / "trace.safetensors")
    states = load("cabs-new").vision_model(trace["image.pixels"])
    for i, state in enumerate(states):
        assert distance(state, trace[f"vision.layer.{i}"]) < TOLERANCE


@torch.no_grad()
def test_a_padded_batch_generates_what_its_rows_generate():
    folder = GOLDEN / "training"
    model = load_training_model()
    pixels = torch.cat([load_file(folder / "batches.safetensors")[f"batch{i}.pixel_values"] for i in (0, 1)])
    images = {"images/rgb.png": 0, "images/baseline.jpg": 1, "images/gray.png": 4}
    compared = 0
    for line in (folder / "generate.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["params"].keys() - {"max_new_tokens", "do_sample", "num_beams"} or case["params"]["num_beams"] > 1:
            continue
        used = [images[p["image"]] for p in case["prompts"] if p["image"]]
        visual = model.abstractor(model.features(pixels[used])) if used else None
        ids, mask = torch.tensor(case["input_ids"]), torch.tensor(case["attention_mask"])
        tokens = model.generate(ids, mask, visual, case["params"]["max_new_tokens"])
        assert tokens.tolist() == case["tokens"]
        compared += len(tokens)
    assert compared == 8


def load_training_model() -> Honeybee:
    from train.checkpoint import load_checkpoint

    return load_checkpoint(GOLDEN / "training" / "model").eval()
