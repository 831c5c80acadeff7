"""What stands between the vision tower and the language model: linear/MLP, Resampler, C-Abstractor (D-Abstractor has
a file of its own). Each maps features [B, N, vision width] to visual tokens [B, M, text width]."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ProjectorConfig:
    """`projector_config` of a checkpoint; fields that a type does not use are left out of the file.

    `linear` is the checkpoint's `mlp` of depth 1. The defaults are those of the released training configs.
    """

    projector_type: str = "c-abs"  # mlp, resampler, c-abs, d-abs
    num_query_tokens: int = 144
    hidden_size: int = 1024
    depth: int = 3  # C-Abs: blocks before and after the pooling; others: layers
    mlp_depth: int = 2  # C-Abs: linears of the readout
    heads: int = 16  # Resampler, D-Abs
    points: int = 4  # D-Abs: sampling points of a head
    intermediate_size: int = 4096  # Resampler, D-Abs
    dropout: float = 0.1  # Resampler: of attention; D-Abs: of every sublayer
    feature_layer_index: int = -1

    def to_json(self) -> dict:
        """In the official names (checkpoints.md section 2.2)."""
        common = {
            "projector_type": self.projector_type,
            "num_query_tokens": self.num_query_tokens,
            "num_eos_tokens": 0,
            "feature_layer_index": self.feature_layer_index,
            "pos_emb": self.projector_type in ("c-abs", "d-abs"),
        }
        return common | {
            "mlp": {"depth": self.depth, "prenorm": False},
            "c-abs": {
                "depth": self.depth,
                "mlp_depth": self.mlp_depth,
                "hidden_size": self.hidden_size,
                "prenorm": False,
            },
            "resampler": {
                "hidden_size": self.hidden_size,
                "num_hidden_layers": self.depth,
                "num_attention_heads": self.heads,
                "intermediate_size": self.intermediate_size,
                "attention_probs_dropout_prob": self.dropout,
                "layer_norm_eps": 1e-6,
                "initializer_range": 0.02,
            },
            "d-abs": {
                "d_model": self.hidden_size,
                "decoder_layers": self.depth,
                "decoder_attention_heads": self.heads,
                "decoder_n_points": self.points,
                "decoder_ffn_dim": self.intermediate_size,
                "dropout": self.dropout,
                "num_queries": self.num_query_tokens,
                "num_feature_levels": 1,
                "pooled_v_target": "query",
                "activation_function": "relu",
                "initializer_range": 0.02,
            },
        }[self.projector_type]

    @staticmethod
    def from_json(fields: dict) -> "ProjectorConfig":
        kind = fields["projector_type"]
        names = {
            "mlp": {"depth": ("depth", 2)},
            "c-abs": {"depth": ("depth", 3), "mlp_depth": ("mlp_depth", 2), "hidden_size": ("hidden_size", 1024)},
            "resampler": {
                "hidden_size": ("hidden_size", 1024),
                "depth": ("num_hidden_layers", 6),
                "heads": ("num_attention_heads", 16),
                "intermediate_size": ("intermediate_size", 4096),
                "dropout": ("attention_probs_dropout_prob", 0.1),
            },
            "d-abs": {
                "hidden_size": ("d_model", 1024),
                "depth": ("decoder_layers", 6),
                "heads": ("decoder_attention_heads", 8),
                "points": ("decoder_n_points", 4),
                "intermediate_size": ("decoder_ffn_dim", 1024),
                "dropout": ("dropout", 0.1),
            },
        }[kind]
        refuse_variants(fields)
        own = {ours: fields.get(theirs, default) for ours, (theirs, default) in names.items()}
        return ProjectorConfig(
            projector_type=kind,
            num_query_tokens=fields["num_query_tokens"],
            feature_layer_index=fields.get("feature_layer_index", -1),
            **own,
        )


def refuse_variants(fields: dict) -> None:
    """Checkpoints whose variants are not trained here would be read wrongly in silence."""
    plain = {"num_eos_tokens": 0, "prenorm": False, "num_feature_levels": 1, "pooled_v_target": "query"}
    plain["pos_emb"] = fields["projector_type"] in ("c-abs", "d-abs")
    for key, value in plain.items():
        if fields.get(key, value) != value:
            raise ValueError(f"projector_config.{key} is {fields[key]!r}; only {value!r} can be trained.")


def mlp(depth: int, inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(inputs, outputs)]
    for _ in range(depth - 1):
        layers += [nn.SiLU(), nn.Linear(outputs, outputs)]
    return nn.Sequential(*layers)


def side_of(tokens: int) -> int:
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise ValueError(f"{tokens} visual tokens are not a square, which this projector needs.")
    return side


class MlpProjector(nn.Module):
    """One token per patch, no mixing: M = N."""

    def __init__(self, config: ProjectorConfig, vision_width: int, cells: int, text_width: int):
        super().__init__()
        if config.num_query_tokens != cells:
            raise ValueError(f"a {config.projector_type} projector gives {cells} visual tokens, one per patch, "
                             f"not {config.num_query_tokens}.")
        self.net = mlp(config.depth, vision_width, text_width)

    def forward(self, features: Tensor) -> Tensor:
        return self.net(features)


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of [B, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ConvNorm(nn.Module):
    """Convolution without bias, then a norm that timm calls `bn`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
        self.bn = LayerNorm2d(outputs, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, inner, 1)
        self.fc2 = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.silu(self.fc1(squeezed))))


class RegNetBlock(nn.Module):
    """timm's RegNet bottleneck with its default arguments, whose 3×3 convolution is therefore depthwise."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.conv1 = ConvNorm(inputs, width, 1)
        self.conv2 = ConvNorm(width, width, 3, groups=width)
        self.se = SqueezeExcite(width, round(inputs / 4))
        self.conv3 = ConvNorm(width, width, 1)
        self.downsample = ConvNorm(inputs, width, 1) if inputs != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.conv2(F.silu(self.conv1(x))))
        return F.silu(self.conv3(self.se(y)) + self.downsample(x))


class Stage(nn.Module):
    """Blocks b1, b2, …"""

    def __init__(self, depth: int, inputs: int, width: int):
        super().__init__()
        for i in range(depth):
            self.add_module(f"b{i + 1}", RegNetBlock(inputs if i == 0 else width, width))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.children():
            x = block(x)
        return x


class CAbstractor(nn.Module):
    """Convolutions, adaptive average pooling to √M × √M, convolutions, readout."""

    def __init__(self, config: ProjectorConfig, vision_width: int, cells: int, text_width: int):
        super().__init__()
        side, width = side_of(config.num_query_tokens), config.hidden_size
        self.pos_emb = nn.Parameter(torch.empty(1, cells, vision_width))
        self.grid = side_of(cells)
        pool = nn.AdaptiveAvgPool2d(side)
        if config.depth > 0:
            first = Stage(config.depth, vision_width, width)
            self.net = nn.Sequential(first, pool, Stage(config.depth, width, width))
        else:
            width = vision_width
            self.net = pool
        self.readout = mlp(config.mlp_depth, width, text_width)

    def forward(self, features: Tensor) -> Tensor:
        x = (features + self.pos_emb).transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return self.readout(self.net(x).flatten(2).transpose(1, 2))


class GatedMlp(nn.Module):
    """SwiGLU with a norm inside."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.w1 = nn.Linear(width, inner)
        self.w2 = nn.Linear(inner, width)
        self.w3 = nn.Linear(width, inner)
        self.ffn_ln = nn.LayerNorm(inner, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(self.ffn_ln(F.silu(self.w1(x)) * self.w3(x)))


class CrossAttention(nn.Module):
    """One layer: queries attend to [queries; features]."""

    def __init__(self, config: ProjectorConfig):
        super().__init__()
        width = config.hidden_size
        self.heads, self.dropout = config.heads, config.dropout
        self.norm1 = nn.LayerNorm(width, eps=1e-5)
        self.normk = nn.LayerNorm(width, eps=1e-5)
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({
            "out_proj": nn.Linear(width, width),
            "norm2": nn.LayerNorm(width, eps=1e-5),
            "mlp": GatedMlp(width, config.intermediate_size),
        })

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        queries = self.norm1(queries)
        both = torch.cat([queries, self.normk(features)], dim=1)
        q, k, v = (
            self.attention[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name, x in (("query", queries), ("key", both), ("value", both))
        )
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        # The residual is the normalised query.
        x = queries + self.output["out_proj"](seen.transpose(1, 2).flatten(2))
        return x + self.output["mlp"](self.output["norm2"](x))


class Resampler(nn.Module):
    """M learned queries that read the features (Perceiver style, as in mPLUG-Owl)."""

    def __init__(self, config: ProjectorConfig, vision_width: int, cells: int, text_width: int):
        super().__init__()
        width = config.hidden_size
        self.query_tokens = nn.Parameter(torch.empty(1, config.num_query_tokens, width))
        self.visual_input_fc = nn.Linear(vision_width, width)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(
            nn.ModuleDict({"crossattention": CrossAttention(config)}) for _ in range(config.depth)
        )
        self.visual_output_fc = nn.Linear(width, text_width)

    def forward(self, features: Tensor) -> Tensor:
        features = self.visual_input_fc(features)
        queries = self.query_tokens.expand(len(features), -1, -1)
        for layer in self.encoder.layers:
            queries = layer["crossattention"](queries, features)
        return self.visual_output_fc(queries)
