"""Trains a model through all its stages; killed at any moment it goes on where it was.

    python -m train.run --config train/configs/demo.json --out runs/demo --resume

The folder then holds state.safetensors (to go on from), curve.jsonl, config.json (the configuration), and a checkpoint
in the official layout for each stage that is done, stages/N-KIND, and for the present, last.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import torch

from train.checkpoint import CheckpointError, load_checkpoint, replace_file, save_checkpoint
from train.config import HELPERS, STAGES, ConfigError, RunConfig, Stage, parse_config
from train.data import Batch, DataError, Feed, Pictures, Shards
from train.evaluate import answers, read_questions, score
from train.muon import make_muon
from train.optim import make_adamw, step
from train.overfit import Remembered, recall, small_run
from train.stages import Loss, Networks, encoder_of
from train.state import Identity, Progress, load_moments, load_state, save_portable, save_state
from train.tokenizer import Tokenizer

# Steps over which the learning rate comes back after the moments were lost: as long as they remember.
RAMP = 50


class Run:
    def __init__(
        self, data: dict, out: Path, device: torch.device, workers: int, compiled: bool, remember: bool = False
    ):
        """`remember`: draw each scene once, which a handful of scenes allows."""
        self.identity = Identity.of(data)
        self.config: RunConfig = parse_config(dict(data), "configuration")
        self.out, self.device, self.workers, self.compiled = out, device, workers, compiled
        self.remember = remember
        self.tokenizer = Tokenizer(Path(self.config.vocabulary))
        if len(self.tokenizer) != self.config.model.text.vocab_size:
            raise ConfigError(
                f"model.text.vocab_size: {self.config.model.text.vocab_size}; expected {len(self.tokenizer)}, "
                f"the pieces of {self.config.vocabulary}."
            )
        torch.manual_seed(self.config.seed)
        self.networks = Networks(self.config)
        if self.config.initial:
            self.take_over(Path(self.config.initial))
        self.networks.to(device)
        self.progress = Progress()
        self.moments: dict[str, torch.Tensor] = {}
        self.pictures: Pictures | Remembered | None = None
        self.saved = time.monotonic()

    @property
    def state(self) -> Path:
        return self.out / "state.safetensors"

    @property
    def curve(self) -> Path:
        return self.out / "curve.jsonl"

    def take_over(self, folder: Path) -> None:
        """Tower and language model of another run's checkpoint."""
        other, own = load_checkpoint(folder), self.networks.honeybee
        if other.config.vision != own.config.vision or other.config.text != own.config.text:
            raise ConfigError(f"initial: {folder} has a tower or a language model of another size.")
        own.vision_model.load_state_dict(other.vision_model.state_dict())
        own.language_model.load_state_dict(other.language_model.state_dict())

    def resume(self, path: Path) -> None:
        strict = path == self.state
        self.progress, self.moments = load_state(path, self.networks, self.identity, strict)
        self.networks.to(self.device)
        self.forget_later_lines()

    def forget_later_lines(self) -> None:
        """Of steps that were taken after the state was saved, and will be taken again."""
        if not self.curve.exists():
            return
        here = (self.progress.stage, self.progress.step)
        lines = [line for line in self.curve.read_text().splitlines() if is_before(line, here)]
        replace_file(self.curve, lambda part: part.write_text("".join(line + "\n" for line in lines)))

    def train(self) -> None:
        self.note(event="start", device=describe(self.device), torch=torch.__version__, threads=torch.get_num_threads())
        while self.progress.stage < len(self.config.stages):
            number = self.progress.stage
            stage = self.config.stages[number]
            self.train_stage(stage)
            self.checkpoint(self.out / "stages" / f"{number + 1}-{stage.kind}")
            self.progress.stage, self.progress.step, self.progress.restarted = number + 1, 0, -1
            self.save(None)
            self.checkpoint(self.out / "last")
        print(f"done: {self.out}", flush=True)

    def train_stage(self, stage: Stage) -> None:
        self.networks.train_only(stage.kind)
        make = make_muon if stage.optimizer == "muon" else make_adamw
        optimizer = make(self.networks, stage.weight_decay)
        load_moments(self.moments, self.networks, optimizer)
        self.moments = {}
        if self.pictures is None and stage.kind != "language":
            pictures = Pictures(self.config.model.vision.image_size, self.device)
            self.pictures = Remembered(pictures) if self.remember else pictures
        if self.compiled:
            self.networks.honeybee.vision_model.compile()
            self.networks.honeybee.language_model.model.compile()
        loss_of = Loss(stage, self.networks, self.pictures, self.device)
        feed = Feed(
            Shards(Path(stage.shards)),
            encoder_of(stage, self.config, self.tokenizer),
            self.config.seed + self.progress.stage,
            stage.batch,
            stage.micro_batch or stage.batch,
            # Compiled code is made anew for each width.
            multiple=64 if self.compiled else 1,
            workers=self.workers,
        )
        last = stage is self.config.stages[-1]
        started = time.monotonic()
        for micro_batches in feed.steps(range(self.progress.step, stage.steps)):
            # Dropout of a step follows from its number, so it needs no place in the state.
            torch.manual_seed((self.config.seed * 16 + self.progress.stage) * 2**32 + self.progress.step)
            line = self.take_step(stage, optimizer, loss_of, micro_batches)
            now = time.monotonic()
            self.progress.seconds += now - started
            started = now
            if self.progress.step % self.config.log_every == 0 or self.progress.step == stage.steps:
                self.note(**{key: float(f"{float(value):.7g}") for key, value in line.items()})
            every = self.config.evaluate_every
            if last and every and (self.progress.step % every == 0 or self.progress.step == stage.steps):
                self.evaluate()
                started = time.monotonic()
            if now - self.saved > self.config.save_seconds:
                self.save(optimizer)
                self.checkpoint(self.out / "last")

    def take_step(
        self, stage: Stage, optimizer: torch.optim.Optimizer, loss_of: Loss, micro_batches: list[Batch]
    ) -> dict[str, torch.Tensor | float]:
        weights = [loss_of.weight(batch) for batch in micro_batches]
        means: dict[str, torch.Tensor | float] = {}
        for batch, weight in zip(micro_batches, weights):
            loss, parts = loss_of(batch)
            share = weight / sum(weights)
            (loss * share).backward()
            for name, value in {"loss": loss.detach(), **parts}.items():
                means[name] = means.get(name, 0.0) + value * share
        rate = stage.schedule.rate(self.progress.step)
        if self.progress.restarted >= 0:
            rate *= min(1.0, (self.progress.step - self.progress.restarted + 1) / RAMP)
        norm = step(optimizer, rate, stage.max_norm)
        self.progress.step += 1
        self.progress.samples += stage.batch
        return means | {"norm": norm, "rate": rate}

    def evaluate(self) -> None:
        if not self.config.evaluation:
            return
        questions = read_questions(Path(self.config.evaluation), self.config.evaluate_count)
        said = list(answers(self.networks.honeybee, self.tokenizer, self.pictures, questions, blind=False))
        accuracy = {task: round(own["accuracy"], 4) for task, own in score(questions, said).items()}
        self.note(event="evaluation", questions=len(questions), accuracy=accuracy)

    def note(self, **line) -> None:
        """A line of the curve."""
        number = min(self.progress.stage, len(self.config.stages) - 1)
        where = {
            "stage": self.progress.stage,
            "kind": self.config.stages[number].kind,
            "step": self.progress.step,
            "samples": self.progress.samples,
            "seconds": round(self.progress.seconds, 1),
        }
        with open(self.curve, "a") as file:
            file.write(json.dumps(where | line) + "\n")
        print(json.dumps(where | line), flush=True)

    def save(self, optimizer: torch.optim.Optimizer | None) -> None:
        save_state(self.state, self.networks, optimizer, self.progress, self.identity)
        self.saved = time.monotonic()

    def checkpoint(self, folder: Path) -> None:
        save_checkpoint(folder, self.networks.honeybee, self.tokenizer.path)


def is_before(line: str, here: tuple[int, int]) -> bool:
    try:
        fields = json.loads(line)
    except ValueError:
        return False  # The line that was being written when the run was killed.
    return (fields["stage"], fields["step"]) <= here


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def prepare(out: Path, data: dict, resume: bool) -> None:
    """The run's folder, with its configuration."""
    if (out / "state.safetensors").exists() and not resume:
        raise ConfigError(f"{out}: a run is there already; --resume goes on with it.")
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "config.json", lambda part: part.write_text(json.dumps(data, indent=1) + "\n"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with a run if there is one")
    parser.add_argument("--from", dest="source", type=Path, help="a state file to go on from, a portable one too")
    parser.add_argument("--overfit", type=int, default=0, metavar="N", help="learn the first N samples by heart")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that encode samples")
    parser.add_argument("--compile", action="store_true", help="torch.compile tower and language model")
    parser.add_argument("--pack", type=Path, help="write a portable state file and end")
    args = parser.parse_args(argv)
    try:
        data = json.loads(args.config.read_text())
        if args.overfit:
            data = small_run(data, args.overfit, args.out)
        prepare(args.out, data, args.resume or args.pack is not None)
        run = Run(data, args.out, torch.device(args.device), args.workers, args.compile, bool(args.overfit))
        # A run that has begun goes on from its own state.
        source = run.state if run.state.exists() else args.source
        if source:
            run.resume(source)
        if args.pack:
            pack(run, args.pack)
            return 0
        run.train()
        if args.overfit:
            return recall(run.networks.honeybee, run.tokenizer, run.pictures, Shards(args.out / "samples"))
        return 0
    except (ConfigError, CheckpointError, DataError, FileNotFoundError) as error:
        print(f"train.run: {error}", file=sys.stderr)
        return 1


def pack(run: Run, path: Path) -> None:
    """Only what has been trained and is still needed; the rest follows from the seed."""
    stages, now = run.config.stages, run.progress.stage
    parts = {part for stage in stages[: now + 1] for part in STAGES[stage.kind]}
    if run.config.initial:
        parts |= {"vision_model", "language_model"}
    needed = {part for stage in stages[now:] for part in STAGES[stage.kind]}
    parts -= set(HELPERS) - needed
    save_portable(path, run.networks, run.progress, run.identity, parts)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
