"""The sanity check of a recipe: can it learn a few samples by heart, and say them again?"""

import gzip
import json
from pathlib import Path

import torch

import torch
from torch import Tensor

from train.data import Pictures, Shards
from train.evaluate import answers
from train.model import Honeybee
from train.tokenizer import Tokenizer


def small_run(data: dict, count: int, out: Path) -> dict:
    """The configuration with its last stage's first `count` samples, copied to `out`, as all its data. Samples of
    text alone, of two pictures, and captions by themselves are left out: each scene has questions."""
    folder = out / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    shards = Shards(Path(data["stages"][-1]["shards"]))
    picked = []
    for i in range(len(shards)):
        sample = shards[i]
        if len(sample["scenes"]) == 1 and turns(sample["text"]):
            picked.append(sample)
        if len(picked) == count:
            break
    with gzip.open(folder / "samples.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(sample) + "\n" for sample in picked)
    stages = [stage | {"shards": str(folder), "batch": min(stage["batch"], count)} for stage in data["stages"]]
    return data | {"stages": stages, "evaluation": "", "evaluate_every": 0}


class Remembered:
    """Draws each scene once; for a handful of scenes."""

    def __init__(self, pictures: Pictures):
        self.pictures = pictures
        self.blank = pictures.blank
        self.drawn: dict[str, Tensor] = {}

    def __call__(self, scenes: list[dict]) -> Tensor:
        keys = [json.dumps(scene) for scene in scenes]
        missing = {key: scene for key, scene in zip(keys, scenes) if key not in self.drawn}
        if missing:
            self.drawn.update(zip(missing, self.pictures(list(missing.values()))))
        return torch.stack([self.drawn[key] for key in keys])


def turns(text: str) -> list[tuple[str, str]]:
    """(prompt up to the answer, answer) of each turn of a dialogue."""
    pairs, position = [], 0
    while (start := text.find("\nAI: ", position)) >= 0:
        position = start + len("\nAI: ")
        end = text.find("\nHuman: ", position)
        pairs.append((text[:position], text[position : end if end >= 0 else None]))
    return pairs


def recall(model: Honeybee, tokenizer: Tokenizer, pictures: Pictures, shards: Shards) -> int:
    """Prints how many of all answers are generated word for word; 0 if 99 % are."""
    asked = [
        {"text": prompt, "answer": answer, "scenes": sample["scenes"]}
        for sample in (shards[i] for i in range(len(shards)))
        for prompt, answer in turns(sample["text"])
    ]
    said = list(answers(model, tokenizer, pictures, asked, blind=False, max_new_tokens=128))
    right = sum(one == question["answer"] for one, question in zip(said, asked))
    blind = list(answers(model, tokenizer, pictures, asked, blind=True, max_new_tokens=128))
    unseen = sum(one == question["answer"] for one, question in zip(blind, asked))
    print(f"{right} of {len(asked)} answers about {len(shards)} scenes: {right / len(asked):.4f}")
    print(f"with grey pictures: {unseen / len(asked):.4f}")
    return 0 if right >= 0.99 * len(asked) else 1
