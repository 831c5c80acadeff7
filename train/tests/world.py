"""A few made-up samples and a tiny model, for tests that need no drawings."""

import gzip
import json
from pathlib import Path

import torch

SYSTEM = "The following is a conversation between a curious human and AI assistant."
NAMES = ("dog", "apple", "car", "tree")
COLORS = ("red", "green", "blue")


def sample(n: int) -> dict:
    """A picture of one thing, a caption in each third sample, questions in the others."""
    name, color = NAMES[n % 4], COLORS[n % 3]
    x = 10 + 7 * (n % 11)
    thing = {"kind": "drawing", "name": name, "style": "noto", "color": color, "x": x + 20, "y": 40, "side": 44, "angle": 0,
             "box": [x, 20.0, x + 40, 60.0]}
    scene = {"seed": n, "size": 144, "objects": [thing]}
    if n % 3 == 0:
        return {"scenes": [scene], "text": f"[NO_PROMPT] <image> A {color} {name}.", "kinds": ["caption"]}
    ask = "Answer the question using a single word or phrase."
    text = (
        f"{SYSTEM}\nHuman: <image>\nHuman: {ask} What is it?\nAI: {name}"
        f"\nHuman: {ask} Which colour has the {name}?\nAI: {color}"
    )
    return {"scenes": [scene], "text": text, "kinds": ["naming", "colour"]}


def write_samples(folder: Path, count: int, captions_only: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [sample(3 * n if captions_only else n) for n in range(count)]
    with gzip.open(folder / "0000.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def fake_pictures(size: int):
    """Noise that a scene's seed determines, in place of drawings."""

    def draw(scenes: list[dict]) -> torch.Tensor:
        made = [torch.Generator().manual_seed(scene["seed"]) for scene in scenes]
        return torch.stack([torch.randn(3, size, size, generator=generator) for generator in made])

    return draw


def tiny_config(folder: Path, vocab: int) -> dict:
    rates = {"rate": 1e-3, "minimum_rate": 1e-4, "warmup": 1, "weight_decay": 0.01, "max_length": 160}
    stage = {"shards": str(folder / "mix"), "steps": 4, "batch": 6, "micro_batch": 4} | rates
    return {
        "seed": 7,
        "vocabulary": str(folder / "tokenizer.model"),
        "model": {
            "vision": {
                "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
                "image_size": 24, "patch_size": 6,
            },
            "projector": {"projector_type": "d-abs", "num_query_tokens": 4, "hidden_size": 32, "depth": 1,
                          "heads": 2, "points": 2, "intermediate_size": 32},
            "text": {
                "vocab_size": vocab, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256,
                "tie_word_embeddings": True,
            },
        },
        "captioner": {"hidden_size": 32, "num_attention_heads": 2, "text_layers": 1, "decoder_layers": 1,
                      "embedding_size": 16},
        "save_seconds": 0,
        "stages": [
            stage | {"kind": "vision", "shards": str(folder / "captions")},
            stage | {"kind": "language"},
            stage | {"kind": "projector", "shards": str(folder / "captions")},
            stage | {"kind": "instruction"},
        ],
    }
