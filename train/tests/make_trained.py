"""Makes test/golden/trained: a tiny model that went through all stages, and what PyTorch says it computes, for the test
that the engine computes the same (test/trained-checkpoint.test.ts).

    python -m train.tests.make_trained
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from train import run as run_module
from train.checkpoint import load_checkpoint, save_tensors
from train.tests.golden import GOLDEN
from train.tests.world import fake_pictures, sample, tiny_config, write_samples
from train.tokenizer import Tokenizer, train_vocabulary

OUT = GOLDEN / "trained"
# A picture whose pixels the official image processor has already made.
IMAGE, PIXELS = "../images/a.png", GOLDEN / "models" / "cabs-new" / "trace.safetensors"
LONGEST = 24


def train_tiny(folder: Path) -> Path:
    write_samples(folder / "mix", 60)
    write_samples(folder / "captions", 20, captions_only=True)
    train_vocabulary((sample(n)["text"] for n in range(60)), folder / "tokenizer.model", 320)
    config = tiny_config(folder, 320)
    config["model"]["vision"] |= {"image_size": 56, "patch_size": 14}
    config["model"]["projector"] = {
        "projector_type": "c-abs", "num_query_tokens": 4, "hidden_size": 32, "depth": 1, "mlp_depth": 2,
    }
    for stage in config["stages"]:
        stage |= {"steps": 60, "batch": 20, "micro_batch": 20}
    config["save_seconds"] = 1e9
    (folder / "config.json").write_text(json.dumps(config))
    run_module.Pictures = lambda size, device: fake_pictures(size)
    assert run_module.main(["--config", str(folder / "config.json"), "--out", str(folder / "run")]) == 0
    return folder / "run" / "last"


@torch.no_grad()
def write_case(model_folder: Path) -> None:
    OUT.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        shutil.copyfile(model_folder / name, OUT / name)
    model = load_checkpoint(OUT).eval()
    prompt = sample(1)["text"].partition("\nAI: ")[0] + "\nAI: "
    ids = Tokenizer(OUT / "tokenizer.model").encode_prompt(prompt, 4, inference=True)[0]
    pixels = load_file(PIXELS)["image.pixels"]
    visual = model.abstractor(model.features(pixels))
    row = torch.tensor([ids])
    hidden = model.hidden(row, visual)
    tokens = model.generate(row, torch.ones_like(row), visual, LONGEST)[0].tolist()
    save_tensors(
        OUT / "trace.safetensors",
        {
            "image.pixels": pixels,
            "projector.output": visual,
            "llm.norm": hidden[0],
            "llm.logits": model.language_model.lm_head(hidden)[0],
        },
    )
    case = {
        "checkpoint": ".",
        "trace": "trace.safetensors",
        "images": [IMAGE],
        "prompt": prompt,
        "prompt_ids": ids,
        "generate_ids": tokens,
        "max_new_tokens": len(tokens),
    }
    (OUT / "case.json").write_text(json.dumps(case, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_case(train_tiny(Path(folder)))
