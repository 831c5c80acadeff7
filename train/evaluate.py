"""Answers an evaluation set of the world and counts what is right, by task; the same questions and rules as
lib/data/world/evaluation.ts."""

import argparse
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from train.checkpoint import load_checkpoint
from train.data import DataError, Pictures
from train.model import Honeybee
from train.tokenizer import Tokenizer

# The longest answers are boxes: 25 tokens and their EOS.
MAX_NEW_TOKENS = 32
LEAST_IOU = 0.5
NUMBER = r"\s*(-?\d*\.?\d+)\s*"
BOX = re.compile(rf"\[{NUMBER},{NUMBER},{NUMBER},{NUMBER}\]")


def read_questions(path: Path, count: int = 0) -> list[dict]:
    """Questions of a JSON-lines file, gzipped or not; the first `count` of each task, or all."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; honeybee/data writes it (train/README.md).") from None
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
    questions, taken = [], {}
    for number, line in enumerate(lines, 1):
        try:
            question = json.loads(line)
            task = question["task"]
            assert isinstance(question["text"], str) and isinstance(question["answer"], str)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise DataError(f"{path}: line {number} is not a question ({error!r}).") from error
        taken[task] = taken.get(task, 0) + 1
        if not count or taken[task] <= count:
            questions.append(question)
    return questions


def parse_box(text: str) -> list[float] | None:
    match = BOX.search(text)
    return [float(part) for part in match.groups()] if match else None


def iou(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes; 0 if one is empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    either = sum(max(c[2] - c[0], 0) * max(c[3] - c[1], 0) for c in (a, b)) - both
    return both / either if either > 0 else 0.0


def normal(text: str) -> str:
    return re.sub(r"^[\"']|[\"'.]+$", "", text.strip()).lower()


def is_right(question: dict, prediction: str) -> bool:
    if question["task"] == "grounding":
        boxes = parse_box(prediction), parse_box(question["answer"])
        return None not in boxes and iou(*boxes) >= LEAST_IOU
    return normal(prediction) == normal(question["answer"])


@torch.no_grad()
def answers(
    model: Honeybee,
    tokenizer: Tokenizer,
    pictures: Pictures,
    questions: list[dict],
    *,
    blind: bool,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch: int = 64,
) -> Iterator[str]:
    """Greedy answers in the order of the questions; `blind` shows grey pictures."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    for start in range(0, len(questions), batch):
        part = questions[start : start + batch]
        visual_tokens = model.config.projector.num_query_tokens
        prompts = [tokenizer.encode_prompt(q["text"], visual_tokens, inference=True)[0] for q in part]
        width = max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
        scenes = [scene for q in part for scene in q.get("scenes", [q.get("scene")])]
        pixels = pictures.blank(len(scenes)) if blind else pictures(scenes)
        visual = model.abstractor(model.features(pixels))
        for row in model.generate(ids, mask, visual, max_new_tokens).tolist():
            yield tokenizer.decode(row)
    model.train(was_training)


def score(questions: list[dict], predictions: list[str]) -> dict[str, dict]:
    """{task: {accuracy, count}}"""
    tasks: dict[str, list[bool]] = {}
    for question, prediction in zip(questions, predictions, strict=True):
        tasks.setdefault(question["task"], []).append(is_right(question, prediction))
    return {task: {"accuracy": sum(right) / len(right), "count": len(right)} for task, right in tasks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder with config.json, model.safetensors, tokenizer.model")
    parser.add_argument("questions", type=Path, help="evaluation set, *.jsonl or *.jsonl.gz")
    parser.add_argument("--count", type=int, default=0, help="questions of each task; default all")
    parser.add_argument("--blind", action="store_true", help="show grey pictures instead")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--answers", type=Path, help="write every answer here, as JSON lines")
    args = parser.parse_args()
    device = torch.device(args.device)
    model = load_checkpoint(args.checkpoint).to(device)
    tokenizer = Tokenizer(args.checkpoint / "tokenizer.model")
    questions = read_questions(args.questions, args.count)
    pictures = Pictures(model.config.vision.image_size, device)
    predictions = list(answers(model, tokenizer, pictures, questions, blind=args.blind))
    if args.answers:
        rows = ({"task": q["task"], "answer": q["answer"], "prediction": p} for q, p in zip(questions, predictions))
        args.answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(json.dumps({"tasks": score(questions, predictions)}, indent=1))


if __name__ == "__main__":
    main()
