"""Muon (Jordan et al. 2024), which learns more from each sample than AdamW: for where there are few. All of its matrices move by an orthogonal step; what is no matrix moves as under AdamW."""

import torch
from torch import Tensor, nn

from train.optim import parameter_groups

MOMENTUM = 0.95
# Newton–Schulz iterations, and the coefficients of its quintic, which bring singular values near 1 quickly.
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
# An orthogonal step of a matrix is as long, by root mean square, as AdamW's usually are (Liu et al. 2025).
ADAMW_RMS = 0.2


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices [..., m, n] with orthogonal rows or columns, roughly: singular values from about 0.7 to 1.2."""
    a, b, c = QUINTIC
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if is_tall else x


class Muon(torch.optim.AdamW):
    """AdamW, but for groups with `orthogonal` set, whose parameters are matrices of one shape."""

    @torch.no_grad()
    def step(self, closure=None) -> None:
        everything = self.param_groups
        self.param_groups = [group for group in everything if not group["orthogonal"]]
        try:
            super().step(closure)
        finally:
            self.param_groups = everything
        for group in everything:
            if group["orthogonal"]:
                self.step_matrices(**group)

    def step_matrices(self, params: list[Tensor], lr: float, weight_decay: float, **_) -> None:
        updates = []
        for parameter in params:
            momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
            momentum.mul_(MOMENTUM).add_(parameter.grad)
            updates.append(parameter.grad + MOMENTUM * momentum)
        # All at once, since one alone is too little work for the cores of a machine.
        for parameter, update in zip(params, orthogonal(torch.stack(updates))):
            parameter.mul_(1 - lr * weight_decay)
            parameter.add_(update, alpha=-lr * ADAMW_RMS * max(parameter.shape) ** 0.5)


def make_muon(module: nn.Module, weight_decay: float) -> Muon:
    """The weights of linear layers are matrices, but for heads, which count as embeddings do."""
    linear = {
        id(part.weight)
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and not name.endswith("head")
    }
    decayed, spared = parameter_groups(module, weight_decay)
    by_shape: dict[torch.Size, list[Tensor]] = {}
    for parameter in decayed["params"]:
        if id(parameter) in linear:
            by_shape.setdefault(parameter.shape, []).append(parameter)
    matrices = [{"params": some, "weight_decay": weight_decay, "orthogonal": True} for some in by_shape.values()]
    others = decayed | {"params": [p for p in decayed["params"] if id(p) not in linear]}
    groups = [group | {"orthogonal": False} for group in (others, spared) if group["params"]]
    return Muon(matrices + groups, lr=0.0, betas=(0.9, 0.98), eps=1e-6)
