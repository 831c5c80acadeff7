"""The one file a run is resumed from. It holds every weight and the optimiser's moments exactly, so a resumed run
takes the same steps as one that was never stopped; random numbers need no place in it, since they follow from the seed
and the step (data.py, run.py)."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from train.checkpoint import CheckpointError, load_into, load_tensors, save_tensors


@dataclass
class Progress:
    """Where a run is: `step` steps of stage number `stage` are done."""

    stage: int = 0
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    # The moments were last empty before this step of the stage; the learning rate is ramped up from there.
    restarted: int = -1


@dataclass(frozen=True)
class Identity:
    """Which run a state belongs to: `run` is of all that must not change while it goes on, `networks` of what its
    weights fit."""

    run: str
    networks: str

    @staticmethod
    def of(config: dict) -> "Identity":
        networks = {key: config.get(key) for key in ("model", "captioner", "patch_reader", "vocabulary")}
        return Identity(fingerprint(config), fingerprint(networks))


def fingerprint(config: dict) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def metadata_of(progress: Progress, identity: Identity) -> dict[str, str]:
    return {"progress": json.dumps(asdict(progress))} | asdict(identity)


def save_state(
    path: Path, networks: nn.Module, optimizer: torch.optim.Optimizer | None, progress: Progress, identity: Identity
) -> None:
    """Between two stages there is no optimiser."""
    tensors = {f"weights.{name}": tensor for name, tensor in shared_once(networks).items()}
    for name, parameter in named_trained(networks, optimizer) if optimizer else []:
        for key, value in optimizer.state[parameter].items():
            tensors[f"moments.{name}.{key}"] = value
    save_tensors(path, tensors, metadata_of(progress, identity))


def save_portable(
    path: Path, networks: nn.Module, progress: Progress, identity: Identity, parts: set[str]
) -> None:
    """A small file to carry: bf16 weights of some parts alone. AdamW's second moments remember 1/(1-0.98) = 50
    steps, so a run that goes on from here builds them anew and ramps its learning rate up meanwhile."""
    tensors = {
        f"weights.{name}": tensor.to(torch.bfloat16)
        for name, tensor in shared_once(networks).items()
        if part_of(name) in parts
    }
    save_tensors(path, tensors, metadata_of(progress, identity))


def load_state(path: Path, networks: nn.Module, identity: Identity, strict: bool) -> tuple[Progress, dict[str, Tensor]]:
    """Fills the networks; returns the progress and the moments, for `load_moments` once there is an optimiser.

    Unless `strict`, a run with the same networks but other stages, batches or rates may go on from the weights: its
    stage then starts from the beginning.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("networks") != identity.networks or (strict and metadata.get("run") != identity.run):
        raise CheckpointError(
            f"{path}: it belongs to a run with another configuration; give the configuration it was made with, or "
            "another folder."
        )
    progress = Progress(**json.loads(metadata["progress"]))
    if metadata["run"] != identity.run:
        progress.step, tensors = 0, {n: t for n, t in tensors.items() if n.startswith("weights.")}
    weights = {n.removeprefix("weights."): t.float() for n, t in tensors.items() if n.startswith("weights.")}
    wanted = networks.state_dict()
    for name in wanted.keys() - weights.keys():
        # A tied head is stored once; a part that a portable file left out starts from its initial values.
        twin = name.replace("language_model.lm_head", "language_model.model.embed_tokens")
        weights[name] = weights.get(twin, wanted[name])
    load_into(networks, weights, str(path))
    moments = {n.removeprefix("moments."): t for n, t in tensors.items() if n.startswith("moments.")}
    if not moments and progress.step > 0:
        progress.restarted = progress.step
    return progress, moments


def load_moments(moments: dict[str, Tensor], networks: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for name, parameter in named_trained(networks, optimizer):
        own = {n.rpartition(".")[2]: t for n, t in moments.items() if n.rpartition(".")[0] == name}
        if own:
            optimizer.state[parameter] = {
                key: value.to(parameter.device).clone() for key, value in own.items()
            }


def part_of(name: str) -> str:
    """vision_model, abstractor, language_model or a helper of the tower, of a weight of the networks."""
    return name.removeprefix("honeybee.").partition(".")[0]


def shared_once(networks: nn.Module) -> dict[str, Tensor]:
    """The state dict with tied tensors under their first name only."""
    tensors, seen = {}, set()
    for name, tensor in networks.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor.detach()
    return tensors


def named_trained(networks: nn.Module, optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [(name, p) for name, p in networks.named_parameters() if id(p) in trained]
