"""The whole model: tower, projector and decoder; its configuration, initialisation, loss and greedy generation."""

from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.model.clip import CLIP_MEAN, CLIP_STD, ClipVisionModel, VisionConfig
from train.model.d_abstractor import DAbstractor
from train.model.llama import KeyValues, LlamaForCausalLM, TextConfig
from train.model.projectors import CAbstractor, MlpProjector, ProjectorConfig, Resampler

PROJECTORS = {"mlp": MlpProjector, "c-abs": CAbstractor, "d-abs": DAbstractor, "resampler": Resampler}
IGNORED = -100
VISUAL = -1
EOS = 2


@dataclass(frozen=True)
class HoneybeeConfig:
    vision: VisionConfig = field(default_factory=VisionConfig)
    projector: ProjectorConfig = field(default_factory=ProjectorConfig)
    text: TextConfig = field(default_factory=TextConfig)

    def to_json(self) -> dict:
        """config.json in the official new style."""
        widths = {"encoder_hidden_size": self.vision.hidden_size, "output_hidden_size": self.text.hidden_size}
        return {
            "architectures": ["HoneybeeForConditionalGeneration"],
            "torch_dtype": "bfloat16",
            "vision_config": asdict(self.vision) | {
                "encoder_type": "openai.clip",
                "image_mean": list(CLIP_MEAN),
                "image_std": list(CLIP_STD),
                "pretrained_vision_name_or_path": "",
            },
            "projector_config": self.projector.to_json() | widths,
            "text_config": asdict(self.text) | {
                "model_type": "llama", "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": EOS, "pad_token_id": 0,
            },
            "lm_config": {"pretrained_lm_name_or_path": "", "pretrained_tokenizer_name_or_path": ""},
        }

    @staticmethod
    def from_json(fields: dict) -> "HoneybeeConfig":
        return HoneybeeConfig(
            vision=known_fields(VisionConfig, fields["vision_config"]),
            projector=ProjectorConfig.from_json(fields["projector_config"]),
            text=known_fields(TextConfig, fields["text_config"]),
        )


def known_fields(kind, fields: dict):
    return kind(**{name: fields[name] for name in kind.__dataclass_fields__ if name in fields})


class Honeybee(nn.Module):
    """The attribute names are the prefixes of official checkpoints."""

    def __init__(self, config: HoneybeeConfig):
        super().__init__()
        self.config = config
        vision, text = config.vision, config.text
        self.vision_model = ClipVisionModel(vision)
        make = PROJECTORS[config.projector.projector_type]
        self.abstractor = make(config.projector, vision.hidden_size, vision.grid**2, text.hidden_size)
        self.language_model = LlamaForCausalLM(text)
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """N(0, 0.02) weights, zero biases (architecture.md section 10); call it under a seed of your own."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
                if getattr(module, "bias", None) is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.vision_model.vision_model.embeddings.class_embedding, std=0.02)
        for name in ("pos_emb", "v_pos_emb"):
            if hasattr(self.abstractor, name):
                nn.init.trunc_normal_(getattr(self.abstractor, name), std=0.02)
        if isinstance(self.abstractor, DAbstractor):
            self.abstractor.reference_points.copy_(self.abstractor.initial_reference_points())
        if isinstance(self.abstractor, Resampler):
            # The official zeros leave all queries alike until dropout tells them apart.
            nn.init.normal_(self.abstractor.query_tokens, std=0.02)

    def features(self, pixels: Tensor, kept: Tensor | None = None) -> Tensor:
        """What the projector reads: [I, N, vision width]; of the patches `kept` [I, K] alone: [I, K, vision width]."""
        return self.vision_model.features(pixels, self.config.projector.feature_layer_index, kept)

    def embed(self, ids: Tensor, visual: Tensor | None) -> Tensor:
        """Embeddings of `ids` [B, T], whose -1s are replaced, in order, by the rows of `visual` [I, M, width]."""
        text = self.language_model.model.embed_tokens(ids.clamp(min=0))
        if visual is None:
            return text
        places = (ids == VISUAL)[..., None].expand_as(text)
        return text.masked_scatter(places, visual.to(text.dtype))

    def hidden(self, ids: Tensor, visual: Tensor | None) -> Tensor:
        """The decoder's last states for right-padded rows; causality makes a padding mask needless."""
        return self.language_model.model(self.embed(ids, visual))

    def loss(self, ids: Tensor, labels: Tensor, visual: Tensor | None) -> Tensor:
        """Next-token cross-entropy, mean over all labelled positions of the batch."""
        targets = labels[:, 1:]
        labelled = targets != IGNORED
        # The head computes only the positions that count.
        logits = self.language_model.lm_head(self.hidden(ids, visual)[:, :-1][labelled])
        return F.cross_entropy(logits.float(), targets[labelled].long())

    @torch.no_grad()
    def generate(self, ids: Tensor, mask: Tensor, visual: Tensor | None, max_new_tokens: int) -> Tensor:
        """Greedy tokens [B, ≤ max_new_tokens] after left-padded prompts; 0 after a row's EOS."""
        head = self.language_model.lm_head
        body = self.language_model.model
        # Not the compiled call, which would be made anew for each length.
        forward = body.forward
        memories = [KeyValues() for _ in body.layers]
        seen = mask.bool()
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
        # A padded position attends to itself, since a softmax over nothing has no value.
        allowed = (causal & seen[:, None, :]) | torch.eye(ids.shape[1], dtype=torch.bool, device=ids.device)
        positions = (seen.long().cumsum(1) - 1).clamp(min=0)
        state = forward(self.embed(ids, visual), positions, allowed[:, None], memories)[:, -1]
        done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        tokens, last = [], positions[:, -1:]
        for _ in range(max_new_tokens):
            token = head(state).argmax(-1).masked_fill(done, 0)
            tokens.append(token)
            done |= token == EOS
            if done.all() or len(tokens) == max_new_tokens:
                break
            seen = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)
            last = last + 1
            state = forward(body.embed_tokens(token)[:, None], last, seen[:, None, None], memories)[:, -1]
        return torch.stack(tokens, dim=1)
