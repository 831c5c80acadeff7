"""Where the golden cases lie, and how far from them is too far."""

from pathlib import Path

import torch
from torch import Tensor

GOLDEN = Path(__file__).parents[2] / "test" / "golden"

# The goldens are float32 on another machine; sums in another order differ by far less than this.
TOLERANCE = 1e-4


def distance(actual: Tensor, expected: Tensor) -> float:
    """max|a-b| / max|b|"""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def load_pickled(folder: Path) -> dict[str, Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)
