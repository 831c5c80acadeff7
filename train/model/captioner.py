"""What the vision tower learns from: a text tower with CLIP's contrastive loss in its lower half, and a decoder that
reads the patches in its upper half (Yu et al. 2022, CoCa). It is thrown away once the tower is trained."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.model.clip import Attention, Mlp
from train.model.honeybee import EOS, IGNORED


@dataclass(frozen=True)
class CaptionerConfig:
    vocab_size: int
    vision_size: int
    hidden_size: int = 256
    num_attention_heads: int = 8
    text_layers: int = 2
    decoder_layers: int = 2
    max_length: int = 320
    embedding_size: int = 256


class Layer(nn.Module):
    """Causal self-attention, attention to the patches where there are any, feed-forward; pre-norm."""

    def __init__(self, config: CaptionerConfig, reads_patches: bool):
        super().__init__()
        width = config.hidden_size
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, config.num_attention_heads)
        if reads_patches:
            self.norm_patches = nn.LayerNorm(width)
            self.patch_attention = Attention(width, config.num_attention_heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width, "gelu")

    def forward(self, x: Tensor, patches: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), causal=True)
        if patches is not None:
            x = x + self.patch_attention(self.norm_patches(x), patches)
        return x + self.mlp(self.norm2(x))


class Captioner(nn.Module):
    def __init__(self, config: CaptionerConfig):
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.tokens = nn.Embedding(config.vocab_size, width)
        self.positions = nn.Parameter(torch.empty(config.max_length, width))
        self.text = nn.ModuleList(Layer(config, False) for _ in range(config.text_layers))
        self.text_norm = nn.LayerNorm(width)
        self.text_projection = nn.Linear(width, config.embedding_size, bias=False)
        self.image_projection = nn.Linear(config.vision_size, config.embedding_size, bias=False)
        self.patches = nn.Sequential(nn.LayerNorm(config.vision_size), nn.Linear(config.vision_size, width))
        self.decoder = nn.ModuleList(Layer(config, True) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(width)
        # CLIP's start, 1 / 0.07; the logarithm is learnt.
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
                if getattr(module, "bias", None) is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, states: Tensor, pooled: Tensor, ids: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Contrastive and caption loss.

        states [B, N, vision width] are the tower's patches, pooled [B, vision width] its normalised CLS row; ids and
        labels [B, T] are texts that begin with a caption and its EOS, right-padded. What follows the first EOS is
        for the decoder alone.
        """
        x = self.tokens(ids) + self.positions[: ids.shape[1]]
        for layer in self.text:
            x = layer(x)
        ends = (ids == EOS).int().argmax(1)
        texts = self.text_projection(self.text_norm(x[torch.arange(len(x), device=x.device), ends]))
        contrastive = self.contrast(self.image_projection(pooled), texts)

        patches = self.patches(states)
        for layer in self.decoder:
            x = layer(x, patches)
        targets = labels[:, 1:]
        labelled = targets != IGNORED
        logits = F.linear(self.norm(x[:, :-1][labelled]), self.tokens.weight)
        return contrastive, F.cross_entropy(logits.float(), targets[labelled])

    def contrast(self, images: Tensor, texts: Tensor) -> Tensor:
        """Each picture finds its text among the batch's and each text its picture (CLIP)."""
        images, texts = F.normalize(images.float(), dim=-1), F.normalize(texts.float(), dim=-1)
        # CLIP's bound of 100 keeps the scale from running away.
        logits = self.log_scale.exp().clamp(max=100) * images @ texts.T
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
