"""A run's configuration: one JSON file, checked before anything starts."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from train.model import HoneybeeConfig
from train.model.captioner import CaptionerConfig
from train.model.clip import VisionConfig
from train.model.llama import TextConfig
from train.model.patch_reader import PatchReaderConfig
from train.model.projectors import ProjectorConfig
from train.optim import Schedule

# What a stage trains, in the order of the recipe; all else is frozen.
STAGES = {
    "vision": ("vision_model", "captioner"),
    "patches": ("vision_model", "patch_reader"),
    "language": ("language_model",),
    "projector": ("abstractor",),
    "instruction": ("abstractor", "language_model"),
}


OPTIMIZERS = ("adamw", "muon")
# What is thrown away after the stages that train it.
HELPERS = ("captioner", "patch_reader")


class ConfigError(Exception):
    """A configuration that cannot be run; the message names the key and what was expected."""


@dataclass(frozen=True)
class Stage:
    """One stage. Lengths are tokens, rates those of the paper's schedule (optim.py)."""

    kind: str
    shards: str
    steps: int
    batch: int
    rate: float
    minimum_rate: float
    warmup: int
    weight_decay: float
    micro_batch: int = 0  # rows in memory at once; 0: the whole batch
    max_length: int = 320
    max_norm: float = 1.0
    optimizer: str = "adamw"  # or "muon"
    contrast: float = 1.0  # weight of the contrastive loss beside the caption loss (vision)
    keep: float = 1.0  # share of a picture's patches that the tower is shown (patches)

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.rate, self.minimum_rate, self.warmup, self.steps)


@dataclass(frozen=True)
class RunConfig:
    seed: int
    vocabulary: str
    model: HoneybeeConfig
    captioner: CaptionerConfig
    patch_reader: PatchReaderConfig
    stages: tuple[Stage, ...]
    evaluation: str = ""  # a file of questions, answered every `evaluate_every` steps of the last stage
    evaluate_every: int = 0
    evaluate_count: int = 50  # questions of each task
    save_seconds: float = 600.0
    log_every: int = 1
    initial: str = ""  # a checkpoint whose tower and language model are taken over


def read_config(path: Path) -> RunConfig:
    """Paths in the file are relative to the working folder."""
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file.") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error}).") from error
    return parse_config(data, str(path))


def parse_config(data: dict, where: str) -> RunConfig:
    model = data.pop("model")
    vision = build(VisionConfig, model["vision"], f"{where}: model.vision")
    text = build(TextConfig, model["text"], f"{where}: model.text")
    projector = build(ProjectorConfig, model["projector"], f"{where}: model.projector")
    sizes = {"vocab_size": text.vocab_size, "vision_size": vision.hidden_size}
    config = build(
        RunConfig,
        data | {
            "model": HoneybeeConfig(vision, projector, text),
            "captioner": build(CaptionerConfig, data.get("captioner", {}) | sizes, f"{where}: captioner"),
            "patch_reader": build(
                PatchReaderConfig, data.get("patch_reader", {}) | {"vision_size": vision.hidden_size},
                f"{where}: patch_reader",
            ),
            "stages": tuple(build(Stage, s, f"{where}: stages[{i}]") for i, s in enumerate(data["stages"])),
        },
        where,
    )
    for i, stage in enumerate(config.stages):
        check_stage(stage, config, f"{where}: stages[{i}]")
    return config


def build(kind, data: dict, where: str):
    names = {field.name for field in fields(kind)}
    for key in data.keys() - names:
        raise ConfigError(f"{where}.{key}: unknown; expected one of {', '.join(sorted(names))}.")
    try:
        return kind(**data)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}.") from None


def check_stage(stage: Stage, config: RunConfig, where: str) -> None:
    if stage.kind not in STAGES:
        raise ConfigError(f"{where}.kind: {stage.kind!r}; expected one of {', '.join(STAGES)}.")
    if stage.optimizer not in OPTIMIZERS:
        raise ConfigError(f"{where}.optimizer: {stage.optimizer!r}; expected one of {', '.join(OPTIMIZERS)}.")
    if not 0 <= stage.warmup < stage.steps:
        raise ConfigError(f"{where}.warmup: {stage.warmup}; expected fewer steps than the stage's {stage.steps}.")
    if not (0 < stage.keep <= 1 and (stage.keep == 1 or stage.kind == "patches")):
        raise ConfigError(f"{where}.keep: {stage.keep}; expected more than 0, at most 1, and 1 unless the kind is patches.")
    limit = config.captioner.max_length if stage.kind == "vision" else config.model.text.max_position_embeddings
    if not 16 <= stage.max_length <= limit:
        raise ConfigError(f"{where}.max_length: {stage.max_length}; expected 16 to {limit} tokens.")
    if stage.kind in ("projector", "instruction") and stage.max_length < config.model.projector.num_query_tokens + 16:
        raise ConfigError(f"{where}.max_length: {stage.max_length} leaves no room for text beside a picture.")
