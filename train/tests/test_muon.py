"""Muon's steps: orthogonal for matrices, AdamW's for all else."""

import pytest
import torch
from torch import nn

from train.muon import ADAMW_RMS, make_muon, orthogonal


@pytest.mark.parametrize("shape", [(64, 256), (256, 64), (100, 100)])
def test_steps_keep_directions_and_even_out_their_lengths(shape):
    torch.manual_seed(0)
    # Well-conditioned, as the iteration needs some part of every direction.
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    singular = torch.linspace(0.1, 1, min(shape))
    step = orthogonal(u @ torch.diag(singular) @ v)
    along = u.T @ step @ v.T
    assert ((along.diagonal() > 0.6) & (along.diagonal() < 1.3)).all()
    assert (along - torch.diag(along.diagonal())).abs().max() < 1e-3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 16)
        self.inner = nn.Linear(16, 64)
        self.head = nn.Linear(64, 7)


def gradients(net: Net) -> None:
    torch.manual_seed(1)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)


def test_what_is_no_matrix_moves_as_under_adamw():
    torch.manual_seed(0)
    ours, theirs = Net(), Net()
    theirs.load_state_dict(ours.state_dict())
    before = ours.inner.weight.detach().clone()
    muon = make_muon(ours, 0.1)
    decayed = [theirs.embedding.weight, theirs.inner.weight, theirs.head.weight]
    adamw = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1},
         {"params": [theirs.inner.bias, theirs.head.bias], "weight_decay": 0.0}],
        lr=0.0, betas=(0.9, 0.98), eps=1e-6,
    )
    for net, optimizer in ((ours, muon), (theirs, adamw)):
        gradients(net)
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter, dict(theirs.named_parameters())[name]) == (name != "inner.weight"), name
    moved = before * (1 - 0.01 * 0.1) - ours.inner.weight
    # An orthogonal 64 × 16 matrix has 16 entries' worth of square sum 16, spread over all.
    assert moved.square().mean().sqrt().item() == pytest.approx(0.01 * ADAMW_RMS, rel=0.15)


def test_it_learns():
    torch.manual_seed(0)
    x = torch.randn(256, 16)
    wanted = torch.tanh(x @ torch.randn(16, 3))
    net = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 3))
    optimizer = make_muon(net, 0.0)
    losses = []
    for _ in range(150):
        loss = (net(x) - wanted).square().mean()
        losses.append(loss.item())
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.02
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] / 50
