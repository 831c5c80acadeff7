"""Samples of the world, as honeybee/data writes them: shards of JSON lines, batches of ids and labels, pictures.

Which samples a step takes is a function of the seed and the step alone, so a training run is resumed by its step.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.model.clip import CLIP_MEAN, CLIP_STD
from train.model.honeybee import EOS, IGNORED, VISUAL
from train.tokenizer import BOS, CAPTION_PREFIX, Tokenizer


class DataError(Exception):
    """A shard that is missing or malformed; the message names the file and line."""


class Shards:
    """All lines of a folder's *.jsonl.gz, in the order of file names; kept as bytes, parsed when asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        paths = sorted(folder.glob("*.jsonl.gz"))
        if not paths:
            raise DataError(f"{folder}: no *.jsonl.gz in it; honeybee/data writes them (train/README.md).")
        blobs, starts, self.first_lines, offset = [], [], [], 0
        for path in paths:
            try:
                blob = gzip.decompress(path.read_bytes())
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(f"{path}: not a gzip file, or cut short ({error}).") from error
            if not blob.endswith(b"\n"):
                blob += b"\n"
            ends = np.flatnonzero(np.frombuffer(blob, dtype=np.uint8) == ord("\n")).astype(np.int64)
            self.first_lines.append((sum(map(len, starts)), path))
            starts.append(offset + np.concatenate([[0], ends[:-1] + 1]))
            offset += len(blob)
            blobs.append(blob)
        self.bytes = b"".join(blobs)
        self.starts = np.concatenate([*starts, [offset]])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> dict:
        line = self.bytes[self.starts[index] : self.starts[index + 1]]
        try:
            sample = json.loads(line)
            if not isinstance(sample["text"], str) or not isinstance(sample["scenes"], list):
                raise TypeError("text and scenes are expected")
            return sample
        except (ValueError, KeyError, TypeError) as error:
            first, path = max(entry for entry in self.first_lines if entry[0] <= index)
            raise DataError(f"{path}: line {index - first + 1} is not a sample ({error}).") from error


def indices_of_step(seed: int, step: int, batch: int, count: int) -> list[int]:
    """The samples of a step: consecutive pieces of one shuffle after another."""
    picked = []
    for position in range(step * batch, (step + 1) * batch):
        epoch, place = divmod(position, count)
        picked.append(int(shuffle(seed, epoch, count)[place]))
    return picked


_SHUFFLES: dict[tuple[int, int, int], np.ndarray] = {}


def shuffle(seed: int, epoch: int, count: int) -> np.ndarray:
    key = (seed, epoch, count)
    if key not in _SHUFFLES:
        # A batch may straddle two epochs, never three unless the set is tiny.
        while len(_SHUFFLES) > 8:
            _SHUFFLES.pop(next(iter(_SHUFFLES)))
        _SHUFFLES[key] = np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
    return _SHUFFLES[key]


# Scenes to show, ids, labels.
Row = tuple[list[dict], list[int], list[int]]
Encode = Callable[[dict], Row]


@dataclass
class Batch:
    """ids and labels [B, T], right-padded; the scenes of all rows in order."""

    scenes: list[dict]
    ids: Tensor
    labels: Tensor


def collate(rows: list[Row], multiple: int = 1) -> Batch:
    """Pads to the longest row, rounded up to a `multiple`."""
    width = -(-max(len(ids) for _, ids, _ in rows) // multiple) * multiple
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    for row, (_, own, learnt) in enumerate(rows):
        ids[row, : len(own)] = torch.tensor(own)
        labels[row, : len(own)] = torch.tensor(learnt)
    return Batch([scene for scenes, _, _ in rows for scene in scenes], ids, labels)


def cut(rows: list[Row], size: int, multiple: int) -> list[Batch]:
    """Rows of a step in batches of `size`, alike in length, so that little is padded."""
    rows = sorted(rows, key=lambda row: len(row[1]))
    return [collate(rows[i : i + size], multiple) for i in range(0, len(rows), size)]


class Instruction:
    """A prompt as the model sees it, in stages 1 and 2."""

    def __init__(self, tokenizer: Tokenizer, visual_tokens: int, max_length: int):
        self.tokenizer, self.visual_tokens, self.max_length = tokenizer, visual_tokens, max_length

    def __call__(self, sample: dict) -> Row:
        ids, labels = self.tokenizer.encode_prompt(sample["text"], self.visual_tokens, max_length=self.max_length)
        # An image that did not fit is not shown either.
        shown = ids.count(VISUAL) // self.visual_tokens
        return sample["scenes"][:shown], ids, labels


class WrittenScene:
    """Prompts whose pictures are replaced by a list of what is in them: what the language model starts from, which
    has no text of the world at large to learn from. Every token after the list is learnt."""

    def __init__(self, tokenizer: Tokenizer, max_length: int):
        self.tokenizer, self.max_length = tokenizer, max_length

    def __call__(self, sample: dict) -> Row:
        text = sample["text"].replace(CAPTION_PREFIX, "<image>\nAI: ")
        ids, labels = self.tokenizer.encode_prompt(text, 1, max_length=0)
        scenes = iter(sample["scenes"])
        wide, learnt = [], []
        for token, label in zip(ids, [IGNORED, *ids[1:]]):
            chunk = self.tokenizer.encode(write_scene(next(scenes))) if token == VISUAL else [token]
            wide += chunk
            learnt += [IGNORED] * len(chunk) if token == VISUAL else [label]
        return [], wide[: self.max_length], learnt[: self.max_length]


class SceneAlone:
    """A picture without text, of any sample that has one."""

    def __call__(self, sample: dict) -> Row:
        if not sample["scenes"]:
            raise DataError("a sample without a picture is of no use to the vision tower; give it captions.")
        return sample["scenes"][:1], [BOS], [IGNORED]


class CaptionAndList:
    """A caption, then a list of all things with their places: what the vision tower learns from. The caption says
    what people would say; the list leaves nothing out. Of a dialogue only the list is used."""

    def __init__(self, tokenizer: Tokenizer, max_length: int):
        self.tokenizer, self.max_length = tokenizer, max_length

    def __call__(self, sample: dict) -> Row:
        (scene,), _, _ = SceneAlone()(sample)
        text = sample["text"]
        ids = [BOS]
        if text.startswith(CAPTION_PREFIX):
            ids += [*self.tokenizer.encode(text.removeprefix(CAPTION_PREFIX)), EOS]
        ids += [*self.tokenizer.encode(write_scene(scene)), EOS]
        if len(ids) > self.max_length:
            ids = [*ids[: self.max_length - 1], EOS]
        return [scene], ids, [IGNORED, *ids[1:]]


def write_scene(scene: dict) -> str:
    """`red apple [0.100,0.200,0.300,0.400], …` from left to right; words in quotes."""
    parts = []
    for thing in sorted(scene["objects"], key=lambda thing: (thing["box"][0], thing["box"][1])):
        name = f'"{thing["word"]}"' if thing["kind"] == "word" else thing["name"]
        color = f"{thing['color']} " if thing["color"] else ""
        box = ",".join(f"{side / scene['size']:.3f}" for side in thing["box"])
        parts.append(f"{color}{name} [{box}]")
    return ", ".join(parts)


@dataclass(frozen=True)
class Feed:
    """Where a stage's steps get their samples from; `workers` processes encode them, or this one if 0."""

    shards: Shards
    encode: Encode
    seed: int
    batch: int
    micro_batch: int
    multiple: int = 1
    workers: int = 0

    def steps(self, steps: range) -> Iterator[list[Batch]]:
        """The micro-batches of each step in turn."""
        yield from torch.utils.data.DataLoader(
            Encoded(self),
            batch_sampler=Steps(self, steps),
            collate_fn=self.collate,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
            multiprocessing_context="fork" if self.workers else None,
        )

    def collate(self, rows: list[Row]) -> list[Batch]:
        return cut(rows, self.micro_batch, self.multiple)


class Encoded(torch.utils.data.Dataset):
    def __init__(self, feed: Feed):
        self.feed = feed

    def __getitem__(self, index: int) -> Row:
        return self.feed.encode(self.feed.shards[index])


class Steps:
    """The indices of each step in turn, for a DataLoader."""

    def __init__(self, feed: Feed, steps: range):
        self.feed, self.range = feed, steps

    def __len__(self) -> int:
        return len(self.range)

    def __iter__(self) -> Iterator[list[int]]:
        feed = self.feed
        return (indices_of_step(feed.seed, step, feed.batch, len(feed.shards)) for step in self.range)


class Pictures:
    """Scenes as pixels for the vision tower."""

    def __init__(self, image_size: int, device: torch.device):
        from train.world import Atlas

        self.atlas = Atlas(device=device)
        self.image_size, self.device = image_size, device
        self.mean = torch.tensor(CLIP_MEAN, device=device).view(3, 1, 1)
        self.std = torch.tensor(CLIP_STD, device=device).view(3, 1, 1)

    def __call__(self, scenes: list[dict]) -> Tensor:
        """[scenes, 3, image_size, image_size], resized and normalised as the image processor does."""
        from train.world import render

        pixels = torch.empty(len(scenes), 3, self.image_size, self.image_size, device=self.device)
        by_size: dict[int, list[int]] = {}
        for i, scene in enumerate(scenes):
            by_size.setdefault(scene["size"], []).append(i)
        for size, members in by_size.items():
            drawn = render([scenes[i] for i in members], self.atlas, self.device)
            if size != self.image_size:
                drawn = resize(drawn, self.image_size)
            pixels[members] = drawn.float()
        return (pixels / 255 - self.mean) / self.std

    def blank(self, count: int) -> Tensor:
        """Grey pictures, for what a model answers without seeing."""
        grey = torch.full((count, 3, self.image_size, self.image_size), 128 / 255, device=self.device)
        return (grey - self.mean) / self.std


def resize(images: Tensor, size: int) -> Tensor:
    """Bytes [B, 3, H, W] by Pillow's bicubic filter (its 8-bit arithmetic differs by 1/255 here and there)."""
    wide = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True, align_corners=False)
    return wide.clamp(0, 255).round()
