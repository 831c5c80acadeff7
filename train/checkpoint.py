"""Checkpoints in the official layout: config.json, model.safetensors and tokenizer.model in one folder."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from train.model import Honeybee, HoneybeeConfig


class CheckpointError(Exception):
    """A checkpoint that is missing, damaged or of another model; the message names the file and what to do."""


def replace_file(path: Path, write) -> None:
    """Calls `write(temporary path)`, then puts the file in place at once: a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    temporary.chmod(0o644)  # safetensors lets nobody else read its files
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    replace_file(path, lambda part: save_file(flat, part, metadata=(metadata or {}) | {"format": "pt"}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file.") from None
    except Exception as error:  # The library has one class for every kind of damage, and changes it.
        raise CheckpointError(f"{path}: not a safetensors file, or cut short ({error}).") from error


def save_checkpoint(folder: Path, model: Honeybee, tokenizer: Path | None, dtype: torch.dtype = torch.bfloat16) -> None:
    """The whole model, frozen parts included. D-Abstractor tensors stay float32, since that network computes so."""
    wide = model.config.projector.projector_type == "d-abs"
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name == "language_model.lm_head.weight" and model.config.text.tie_word_embeddings:
            continue
        tensors[name] = tensor.to(torch.float32 if wide and name.startswith("abstractor.") else dtype)
    fields = model.config.to_json() | {"torch_dtype": str(dtype).removeprefix("torch.")}
    replace_file(folder / "config.json", lambda part: part.write_text(json.dumps(fields, indent=1) + "\n"))
    if tokenizer is not None:
        replace_file(folder / "tokenizer.model", lambda part: shutil.copyfile(tokenizer, part))
    # Last, so that a folder with weights is a whole one.
    save_tensors(folder / "model.safetensors", tensors)


def load_checkpoint(folder: Path) -> Honeybee:
    """The model in float32; refuses missing, surplus or misshapen tensors by name."""
    path = folder / "config.json"
    try:
        config = HoneybeeConfig.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; a checkpoint is a folder with a config.json.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a config of a model that is trained here ({error!r}).") from error
    model = Honeybee(config)
    tensors, _ = load_tensors(folder / "model.safetensors")
    if config.text.tie_word_embeddings:
        tensors["language_model.lm_head.weight"] = tensors.get("language_model.model.embed_tokens.weight")
    load_into(model, tensors, str(folder / "model.safetensors"))
    return model


def load_into(module: torch.nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """`load_state_dict` that says which tensor is wrong and where it came from."""
    wanted = module.state_dict()
    for name in wanted.keys() - tensors.keys():
        raise CheckpointError(f"{where}: tensor {name} is missing.")
    for name in tensors.keys() - wanted.keys():
        raise CheckpointError(f"{where}: tensor {name} does not belong to this model.")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise CheckpointError(
                f"{where}: tensor {name} is {list(tensor.shape)} where the model has {list(wanted[name].shape)}."
            )
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{where}: tensor {name} has values that are not finite.")
    module.load_state_dict(tensors)
