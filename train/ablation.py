"""The paper's comparison of projectors in miniature (its Tables 3, 8 and 9): one tower and one language model, each
projector trained on the same samples for the same steps, answers counted by task.

    python -m train.ablation run --config train/configs/ablation.json --out runs/ablation
    python -m train.ablation table runs/ablation
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from train import run as run_module
from train.checkpoint import load_checkpoint, replace_file
from train.data import Pictures
from train.evaluate import answers, is_right, read_questions
from train.tokenizer import Tokenizer

RESAMPLES = 2000


def run(args: argparse.Namespace) -> int:
    """Trains and questions every variant with every seed; what is done already is not done again."""
    data = json.loads(args.config.read_text())
    for seed in data["seeds"]:
        for name, projector in data["variants"].items():
            out = args.out / f"{name}-{seed}"
            if (out / "answers.json").exists():
                continue
            out.mkdir(parents=True, exist_ok=True)
            config = data["base"] | {"seed": seed}
            config["model"] = config["model"] | {"projector": projector}
            (out / "variant.json").write_text(json.dumps(config))
            more = ["--device", args.device, "--workers", str(args.workers), "--resume"]
            more += ["--compile"] if args.compile else []
            if run_module.main(["--config", str(out / "variant.json"), "--out", str(out), *more]):
                return 1
            question(out, Path(data["questions"]), data["count"], torch.device(args.device))
    return 0


def question(out: Path, path: Path, count: int, device: torch.device) -> None:
    model = load_checkpoint(out / "last").to(device)
    questions = read_questions(path, count)
    pictures = Pictures(model.config.vision.image_size, device)
    said = list(answers(model, Tokenizer(out / "last" / "tokenizer.model"), pictures, questions, blind=False))
    right: dict[str, list[int]] = {}
    for asked, answer in zip(questions, said):
        right.setdefault(asked["task"], []).append(int(is_right(asked, answer)))
    replace_file(out / "answers.json", lambda part: part.write_text(json.dumps(right)))


def interval(right: list[np.ndarray]) -> tuple[float, float, float]:
    """Mean of the tasks' accuracies and its 95 % bootstrap interval; questions are drawn anew within each task."""
    generator = np.random.default_rng(0)
    draws = [generator.choice(task, (RESAMPLES, len(task))).mean(1) for task in right]
    means = np.mean(draws, axis=0)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean([task.mean() for task in right])), float(low), float(high)


def table(folder: Path) -> str:
    """Markdown, a row for each variant that ran to its end; seeds are pooled."""
    variants: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/answers.json")):
        variants.setdefault(path.parent.name.rpartition("-")[0], []).append(path.parent)
    if not variants:
        raise SystemExit(f"train.ablation: {folder} holds no run that has ended.")
    rows = [row_of(name, runs) for name, runs in variants.items()]
    tasks = rows[0][1].keys()
    head = ["projector", "M", "parameters", "seeds", "samples", "hours", *tasks, "mean (95 %)"]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for cells, accuracies in rows:
        *first, mean = cells
        lines.append(" | ".join([*first, *(f"{100 * a:.1f}" for a in accuracies.values()), mean]))
    return "".join(f"| {line} |\n" for line in lines)


def row_of(name: str, runs: list[Path]) -> tuple[list[str], dict[str, float]]:
    pooled: dict[str, list[int]] = {}
    seconds, samples = 0.0, 0
    for path in runs:
        for task, right in json.loads((path / "answers.json").read_text()).items():
            pooled.setdefault(task, []).extend(right)
        last = json.loads((path / "curve.jsonl").read_text().splitlines()[-1])
        seconds, samples = seconds + last["seconds"], last["samples"]
    model = load_checkpoint(runs[0] / "last")
    size = sum(p.numel() for p in model.abstractor.parameters())
    mean, low, high = interval([np.array(task) for task in pooled.values()])
    cells = [
        name,
        str(model.config.projector.num_query_tokens),
        f"{size / 1e6:.2f} M",
        str(len(runs)),
        str(samples),
        f"{seconds / len(runs) / 3600:.2f}",
        f"{100 * mean:.1f} ({100 * low:.1f}–{100 * high:.1f})",
    ]
    return cells, {task: float(np.mean(right)) for task, right in pooled.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run")
    runner.add_argument("--config", type=Path, required=True)
    runner.add_argument("--out", type=Path, required=True)
    runner.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    runner.add_argument("--workers", type=int, default=0)
    runner.add_argument("--compile", action="store_true")
    tables = commands.add_parser("table")
    tables.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.command == "table":
        print(table(args.folder), end="")
        return 0
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
