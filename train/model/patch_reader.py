"""What the vision tower learns from where time is short: at points of each patch, which thing is there, in what colour,
and where its sides are. Every patch has its own truth, so a picture teaches hundreds of things and not one caption. It is
thrown away once the tower is trained."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.model.honeybee import IGNORED

# Weights of the losses' parts. Most points lie on the background, which is learnt at once; sides are parts of the
# picture's, so their errors are small numbers.
BACKGROUND = 0.2
COLOR = 0.5
SIDES = 3.0


@dataclass(frozen=True)
class PatchReaderConfig:
    """`things` counts names, shapes and letters of the atlas and, first, the background; `points` are those of a row
    of a patch."""

    vision_size: int
    things: int = 353
    colors: int = 11
    points: int = 2


@dataclass(frozen=True)
class PatchLabels:
    """Of each point of each patch, [B, N, points²]: `things` (0: background), `colors` (IGNORED: none); `sides`
    [B, N, points², 4]: from the point to left, top, right and bottom of what is there, in parts of the picture's."""

    things: Tensor
    colors: Tensor
    sides: Tensor

    def to(self, device: torch.device) -> "PatchLabels":
        return PatchLabels(self.things.to(device), self.colors.to(device), self.sides.to(device))

    def choose(self, count: int) -> Tensor:
        """Numbers [B, count] of patches, by lot: those with things on them before any others."""
        there = (self.things > 0).any(-1)
        return (torch.rand(there.shape, device=there.device) + there).topk(count, dim=1).indices

    def of(self, patches: Tensor) -> "PatchLabels":
        """Those of the patches [B, K]."""
        rows = torch.arange(len(patches), device=patches.device)[:, None]
        return PatchLabels(self.things[rows, patches], self.colors[rows, patches], self.sides[rows, patches])


class PatchReader(nn.Module):
    def __init__(self, config: PatchReaderConfig):
        super().__init__()
        self.config = config
        self.norm = nn.LayerNorm(config.vision_size)
        self.sizes = (config.things, config.colors, 4)
        self.head = nn.Linear(config.vision_size, config.points**2 * sum(self.sizes))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, states: Tensor, labels: PatchLabels) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts; states [B, N, vision width] are the tower's patches."""
        said = self.head(self.norm(states)).unflatten(-1, (self.config.points**2, -1)).float()
        things, colors, sides = said.split(self.sizes, dim=-1)
        weights = torch.ones(self.config.things, device=states.device)
        weights[0] = BACKGROUND
        thing = F.cross_entropy(things.flatten(0, 2), labels.things.flatten(), weights)
        there = labels.things > 0
        color = F.cross_entropy(colors.flatten(0, 2), labels.colors.flatten(), ignore_index=IGNORED, reduction="sum")
        color = color / (labels.colors != IGNORED).sum().clamp(min=1)
        side = (sides[there] - labels.sides[there]).abs().mean() if there.any() else sides.sum() * 0
        right = (things.argmax(-1) == labels.things)[there].float().mean()
        parts = {"thing": thing, "color": color, "side": side, "right": right}
        return thing + COLOR * color + SIDES * side, {name: part.detach() for name, part in parts.items()}
