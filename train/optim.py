"""The paper's optimiser: AdamW, cosine schedule with warm-up, weight decay on everything but biases and norms."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from train.model.llama import RmsNorm


@dataclass(frozen=True)
class Schedule:
    """Learning rates of one stage; `total` counts optimiser steps."""

    base: float
    minimum: float
    warmup: int
    total: int

    def rate(self, step: int) -> float:
        """Of optimiser step `step` + 1. The warm-up starts at `minimum`; beyond `total` the cosine rises again, as
        the official one does."""
        if step < self.warmup:
            return self.minimum + (self.base - self.minimum) * step / self.warmup
        progress = (step - self.warmup) / max(1, self.total - self.warmup)
        return self.minimum + (self.base - self.minimum) * 0.5 * (1 + math.cos(math.pi * progress))


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict]:
    """Trainable parameters in two groups: decayed, and biases and norm weights, which are not."""
    spared: set[int] = set()
    for part in module.modules():
        if isinstance(part, (nn.LayerNorm, RmsNorm)):
            spared |= {id(p) for p in part.parameters(recurse=False)}
    spared |= {id(p) for name, p in module.named_parameters() if name.rpartition(".")[2] == "bias"}
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in spared], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
    ]


def make_adamw(module: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """One launch for all parameters where PyTorch can (`fused`); the learning rate is set at every step."""
    groups = parameter_groups(module, weight_decay)
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-6, fused=True)


def step(optimizer: torch.optim.Optimizer, rate: float, max_norm: float) -> Tensor:
    """Clips, updates, clears the gradients; returns the total gradient norm before clipping."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
