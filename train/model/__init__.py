"""The network in PyTorch. Module names are those of the official checkpoints, so a state dict *is* a checkpoint."""

from train.model.honeybee import Honeybee, VisionConfig, TextConfig, HoneybeeConfig

__all__ = ["Honeybee", "HoneybeeConfig", "TextConfig", "VisionConfig"]
