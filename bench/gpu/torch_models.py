"""Honeybee's two abstractors as plain PyTorch modules, and the shapes that honeybee-gpu-bench measures.

The modules compute what the reference implementation computes (paper, section 3.2): timm's RegNet blocks with
LayerNorm2d for the C-Abstractor, Deformable DETR's decoder with its pure PyTorch sampling for the D-Abstractor.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shapes:
    """The sizes of one model; the twin of bench/gpu/workload.cpp."""

    vision: dict
    text: dict
    visual_tokens: int
    abstractor_layers: tuple[int, int]  # C-Abs: blocks of a stage; D-Abs: layers
    images: tuple[int, ...]
    prompts: tuple[int, ...]
    sequences: tuple[int, ...]
    context: int

    @property
    def side(self):
        return self.vision["image_size"] // self.vision["patch_size"]


def make_shapes(model, tiny):
    """Of "7b" or "13b"; `tiny` shrinks every size."""
    large = model == "13b"
    vision = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16)
    vision |= dict(image_size=336 if large else 224, patch_size=14, hidden_act="quick_gelu")
    text = dict(
        hidden_size=5120 if large else 4096,
        intermediate_size=13824 if large else 11008,
        num_hidden_layers=40 if large else 32,
        num_attention_heads=40 if large else 32,
        vocab_size=32000,
        max_position_embeddings=4096,
    )
    if tiny:
        vision |= dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, image_size=42)
        text |= dict(hidden_size=48, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, vocab_size=96)
        return Shapes(vision, text, 4, (1, 1), (1, 4, 16), (5, 17), (1, 8, 32, 64), 20)
    tokens = 256 if large else 144
    return Shapes(vision, text, tokens, (3, 6), (1, 4, 16), (128, 512, 2048), (1, 8, 32, 64), 512)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [batch, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """RegNet's bottleneck with a depthwise convolution and squeeze-and-excite (Radosavovic et al. 2020)."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.conv3 = nn.Conv2d(width, width, 1, bias=False)
        self.norms = nn.ModuleList(ChannelNorm(width) for _ in range(3))
        self.squeeze = nn.Conv2d(width, width // 4, 1)
        self.excite = nn.Conv2d(width // 4, width, 1)

    def forward(self, x):
        y = F.silu(self.norms[0](self.conv1(x)))
        y = F.silu(self.norms[1](self.conv2(y)))
        gate = self.excite(F.silu(self.squeeze(y.mean((2, 3), keepdim=True))))
        return F.silu(self.norms[2](self.conv3(y * gate.sigmoid())) + x)


class CAbstractor(nn.Module):
    """[batch, cells, Dv] → [batch, M, Dl]."""

    def __init__(self, shapes):
        super().__init__()
        width, out = shapes.vision["hidden_size"], shapes.text["hidden_size"]
        depth = shapes.abstractor_layers[0]
        self.side = shapes.side
        self.tokens_side = round(shapes.visual_tokens**0.5)
        self.position = nn.Parameter(torch.randn(1, self.side**2, width) * 0.02)
        self.stage1 = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.stage2 = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.readout = nn.Sequential(nn.Linear(width, out), nn.SiLU(), nn.Linear(out, out))

    def forward(self, features):
        x = (features + self.position).transpose(1, 2).unflatten(2, (self.side, self.side))
        x = F.adaptive_avg_pool2d(self.stage1(x), self.tokens_side)
        return self.readout(self.stage2(x).flatten(2).transpose(1, 2))


class DeformableLayer(nn.Module):
    """Self-attention among the queries, deformable attention to the features, FFN (Zhu et al. 2021)."""

    def __init__(self, width, side, heads=8, points=4, ffn=1024):
        super().__init__()
        self.side, self.heads, self.points = side, heads, points
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.offsets = nn.Linear(width, heads * points * 2)
        self.weights = nn.Linear(width, heads * points)
        self.value, self.sampled = nn.Linear(width, width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, ffn), nn.Linear(ffn, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(self, x, position, features, reference):
        z = x + position
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (self.q(z), self.k(z), self.v(x)))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.norms[0](x + self.out(attended))
        x = self.norms[1](x + self.sampled(self.sample(x + position, self.value(features), reference)))
        return self.norms[2](x + self.fc2(F.relu(self.fc1(x))))

    def sample(self, z, values, reference):
        """The weighted features around the reference points: [batch, M, width]."""
        batch, queries, _ = z.shape
        offsets = self.offsets(z).view(batch, queries, self.heads, self.points, 2) / self.side
        weights = self.weights(z).view(batch, queries, self.heads, self.points).softmax(-1)
        grid = (2 * (reference[None, :, None, None] + offsets) - 1).transpose(1, 2).flatten(0, 1)
        maps = values.unflatten(2, (self.heads, -1)).permute(0, 2, 3, 1).flatten(0, 1)
        maps = maps.unflatten(2, (self.side, self.side))
        corners = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        weighted = corners * weights.transpose(1, 2).flatten(0, 1)[:, None]
        return weighted.sum(-1).unflatten(0, (batch, self.heads)).permute(0, 3, 1, 2).flatten(2)


class DAbstractor(nn.Module):
    """[batch, cells, Dv] → [batch, M, Dl], in float32 as the reference runs it."""

    def __init__(self, shapes):
        super().__init__()
        width, out = shapes.vision["hidden_size"], shapes.text["hidden_size"]
        self.side = shapes.side
        self.tokens_side = round(shapes.visual_tokens**0.5)
        self.content = nn.Parameter(torch.randn(1, shapes.visual_tokens, width) * 0.02)
        self.position = nn.Parameter(torch.randn(1, self.side**2, width) * 0.02)
        self.layers = nn.ModuleList(DeformableLayer(width, self.side) for _ in range(shapes.abstractor_layers[1]))
        self.out = nn.Linear(width, out)
        centres = (torch.arange(self.tokens_side, dtype=torch.float32) + 0.5) / self.tokens_side
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        self.register_buffer("reference", torch.stack((columns, rows), -1).flatten(0, 1))

    def forward(self, features):
        values = features.float() + self.position
        grid = values.transpose(1, 2).unflatten(2, (self.side, self.side))
        position = F.adaptive_avg_pool2d(grid, self.tokens_side).flatten(2).transpose(1, 2)
        x = self.content.expand(len(features), -1, -1)
        for layer in self.layers:
            x = layer(x, position, values, self.reference)
        return self.out(x).to(features.dtype)
