"""The D-Abstractor: Deformable DETR's decoder over one feature map, in plain PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.model.clip import Attention
from train.model.projectors import ProjectorConfig, side_of


class DeformableAttention(nn.Module):
    """Every head of a query samples the feature map at a few points that the query chooses."""

    def __init__(self, width: int, heads: int, points: int):
        super().__init__()
        self.heads, self.points = heads, points
        self.sampling_offsets = nn.Linear(width, heads * points * 2)
        self.attention_weights = nn.Linear(width, heads * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, features: Tensor, reference: Tensor) -> Tensor:
        """queries [B, M, C], features [B, N, C], reference points [1, M, 2] as (x, y) in 0 … 1."""
        batch, tokens, _ = queries.shape
        grid = side_of(features.shape[1])
        values = self.value_proj(features).transpose(1, 2).reshape(batch * self.heads, -1, grid, grid)
        offsets = self.sampling_offsets(queries).view(batch, tokens, self.heads, self.points, 2)
        places = reference[:, :, None, None] + offsets / grid
        # grid_sample counts from -1 to 1; outside the map it reads zeros, as Deformable DETR does.
        places = (2 * places - 1).transpose(1, 2).flatten(0, 1)
        sampled = F.grid_sample(values, places, mode="bilinear", padding_mode="zeros", align_corners=False)
        weights = self.attention_weights(queries).view(batch, tokens, self.heads, self.points).softmax(-1)
        weights = weights.transpose(1, 2).reshape(batch * self.heads, 1, tokens, self.points)
        mixed = (sampled * weights).sum(-1).view(batch, -1, tokens).transpose(1, 2)
        return self.output_proj(mixed)


class Layer(nn.Module):
    """Post-norm: self-attention, deformable attention, feed-forward."""

    def __init__(self, config: ProjectorConfig):
        super().__init__()
        width = config.hidden_size
        self.dropout = config.dropout
        self.self_attn = QueryAttention(width, config.heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = DeformableAttention(width, config.heads, config.points)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, pos: Tensor, features: Tensor, reference: Tensor) -> Tensor:
        x = self.self_attn_layer_norm(x + self.drop(self.self_attn(x, pos)))
        x = self.encoder_attn_layer_norm(x + self.drop(self.encoder_attn(x + pos, features, reference)))
        return self.final_layer_norm(x + self.drop(self.fc2(F.relu(self.fc1(x)))))

    def drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class QueryAttention(Attention):
    """Self-attention whose queries and keys, not values, carry the positions."""

    def forward(self, x: Tensor, pos: Tensor) -> Tensor:
        placed = x + pos
        q, k, v = self.split(self.q_proj(placed)), self.split(self.k_proj(placed)), self.split(self.v_proj(x))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class DAbstractor(nn.Module):
    """M learned queries, each with a place of its own to look at; pooled features are their positions."""

    def __init__(self, config: ProjectorConfig, vision_width: int, cells: int, text_width: int):
        super().__init__()
        width, tokens = config.hidden_size, config.num_query_tokens
        self.side, self.grid = side_of(tokens), side_of(cells)
        if vision_width != width:
            self.input_proj = nn.ModuleList([nn.Linear(vision_width, width)])
        self.v_pos_emb = nn.Parameter(torch.empty(1, cells, width))
        self.query_position_embeddings = nn.Embedding(tokens, width)
        self.reference_points = nn.Parameter(torch.empty(1, tokens, 2))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.depth))
        self.output_proj = nn.Linear(width, text_width) if width != text_width else nn.Identity()

    def initial_reference_points(self) -> Tensor:
        """Spread evenly over the grid, row-major, (x, y): [1, M, 2]."""
        axis = torch.linspace(0.5, self.grid - 0.5, self.side) / self.grid
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()], dim=-1)[None]

    def forward(self, features: Tensor) -> Tensor:
        # In float32 whatever the model computes in, as in the official code.
        with torch.autocast(features.device.type, enabled=False):
            return self.forward32(features.float()).to(features.dtype)

    def forward32(self, features: Tensor) -> Tensor:
        if hasattr(self, "input_proj"):
            features = self.input_proj[0](features)
        features = features + self.v_pos_emb
        grid = features.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        pos = F.adaptive_avg_pool2d(grid, self.side).flatten(2).transpose(1, 2)
        x = self.query_position_embeddings.weight.expand(len(features), -1, -1)
        for layer in self.layers:
            x = layer(x, pos, features, self.reference_points)
        return self.output_proj(x)
