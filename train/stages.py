"""What each stage computes: its encoder and its loss. The networks are in model/, what is trained in config.py."""

import torch
from torch import Tensor, nn

from train.config import HELPERS, STAGES, RunConfig, Stage
from train.data import Batch, CaptionAndList, Encode, Instruction, Pictures, SceneAlone, WrittenScene
from train.model import Honeybee
from train.model.captioner import Captioner
from train.model.honeybee import IGNORED
from train.model.patch_reader import PatchReader
from train.patch_labels import Labeller
from train.state import part_of
from train.tokenizer import Tokenizer
from train.world import Atlas


def has_fast_bf16(device: torch.device) -> bool:
    """Whether products of bf16 are faster than those of float32: on any GPU, and on processors with instructions for them."""
    if device.type != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class Networks(nn.Module):
    """The model, and what the stages that train its tower need beside it."""

    def __init__(self, config: RunConfig):
        super().__init__()
        self.honeybee = Honeybee(config.model)
        kinds = {stage.kind for stage in config.stages}
        if "vision" in kinds:
            self.captioner = Captioner(config.captioner)
        if "patches" in kinds:
            self.patch_reader = PatchReader(config.patch_reader)

    def train_only(self, kind: str) -> None:
        """Freezes what a stage does not train."""
        trained = STAGES[kind]
        for name, parameter in self.named_parameters():
            parameter.requires_grad = part_of(name) in trained
            parameter.grad = None
        helpers = [(name, module) for name, module in self.named_children() if name in HELPERS]
        for name, module in [*self.honeybee.named_children(), *helpers]:
            # Frozen parts have no dropout either.
            module.train(name in trained)


def encoder_of(stage: Stage, config: RunConfig, tokenizer: Tokenizer) -> Encode:
    if stage.kind == "vision":
        return CaptionAndList(tokenizer, stage.max_length)
    if stage.kind == "patches":
        return SceneAlone()
    if stage.kind == "language":
        return WrittenScene(tokenizer, stage.max_length)
    return Instruction(tokenizer, config.model.projector.num_query_tokens, stage.max_length)


class Loss:
    """Of one micro-batch: what is minimised, and parts of it worth a curve."""

    def __init__(self, stage: Stage, networks: Networks, pictures: Pictures | None, device: torch.device):
        self.stage, self.networks, self.pictures, self.device = stage, networks, pictures, device
        if stage.kind == "patches":
            grid = networks.honeybee.config.vision.grid
            self.labels_of = Labeller(Atlas(), grid, networks.patch_reader.config)

    def __call__(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        ids, labels = batch.ids.to(self.device), batch.labels.to(self.device)
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=has_fast_bf16(self.device))
        with autocast:
            if self.stage.kind == "vision":
                return self.of_captions(batch.scenes, ids, labels)
            if self.stage.kind == "patches":
                return self.of_patches(batch.scenes)
            honeybee = self.networks.honeybee
            visual = honeybee.abstractor(self.see(batch.scenes)) if batch.scenes else None
            return honeybee.loss(ids, labels, visual), {}

    @torch.no_grad()
    def see(self, scenes: list[dict]) -> Tensor:
        """Features of the frozen tower."""
        return self.networks.honeybee.features(self.pictures(scenes))

    def of_captions(self, scenes: list[dict], ids: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        tower = self.networks.honeybee.vision_model
        layer = self.networks.honeybee.config.projector.feature_layer_index
        states = tower(self.pictures(scenes))
        pooled = tower.vision_model.post_layernorm(states[-1][:, 0])
        contrastive, caption = self.networks.captioner(states[layer][:, 1:], pooled, ids, labels)
        parts = {"contrastive": contrastive.detach(), "caption": caption.detach()}
        return caption + self.stage.contrast * contrastive, parts

    def of_patches(self, scenes: list[dict]) -> tuple[Tensor, dict[str, Tensor]]:
        honeybee = self.networks.honeybee
        labels = self.labels_of(scenes).to(self.device)
        kept = None
        if self.stage.keep < 1:
            kept = labels.choose(max(1, round(self.stage.keep * honeybee.config.vision.grid**2)))
            labels = labels.of(kept)
        return self.networks.patch_reader(honeybee.features(self.pictures(scenes), kept), labels)

    def weight(self, batch: Batch) -> int:
        """Of a micro-batch among those of its step: how much it teaches."""
        return len(batch.scenes) if self.stage.kind == "patches" else int((batch.labels[:, 1:] != IGNORED).sum())
