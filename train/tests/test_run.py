"""A run that is killed goes on as if it had not been; states and checkpoints refuse what does not fit."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from train import run as run_module
from train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from train.config import ConfigError, parse_config
from train.model import Honeybee
from train.pieces import join_file, split_file
from train.tests.world import fake_pictures, sample, tiny_config, write_samples
from train.tokenizer import train_vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_samples(folder / "mix", 20)
    write_samples(folder / "captions", 9, captions_only=True)
    train_vocabulary((sample(n)["text"] for n in range(60)), folder / "tokenizer.model", 320)
    (folder / "config.json").write_text(json.dumps(tiny_config(folder, 320)))
    return folder


@pytest.fixture(autouse=True)
def pictures_of_noise(monkeypatch):
    monkeypatch.setattr(run_module, "Pictures", lambda size, device: fake_pictures(size))


def train(folder: Path, out: str, *more: str) -> int:
    return run_module.main(["--config", str(folder / "config.json"), "--out", str(folder / out), *more])


def steps(folder: Path, out: str) -> list[dict]:
    lines = [json.loads(line) for line in (folder / out / "curve.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if "loss" in line]


def run_whole(folder: Path) -> None:
    """The run that others are compared with; made once."""
    if not (folder / "whole").exists():
        assert train(folder, "whole") == 0


class Killed(Exception):
    pass


def stop_some_steps(monkeypatch) -> None:
    """From now on runs stop in the middle of every fourth step, with a line half written."""
    take_step, calls = run_module.Run.take_step, 0

    def stopping(self, *args):
        nonlocal calls
        calls += 1
        result = take_step(self, *args)
        if calls % 4 == 3:
            with open(self.curve, "a") as file:
                file.write('{"stage": 0, "st')
            raise Killed
        return result

    monkeypatch.setattr(run_module.Run, "take_step", stopping)


def go_on(run) -> int:
    """Starts a run again until it ends; how often it was stopped."""
    for stopped in range(20):
        try:
            assert run() == 0
            return stopped
        except Killed:
            continue
    raise AssertionError("it never ended")


def test_a_stopped_run_takes_the_same_steps(folder, monkeypatch):
    run_whole(folder)
    whole = steps(folder, "whole")
    kinds = ("vision", "language", "projector", "instruction")
    assert [line["kind"] for line in whole] == [kind for kind in kinds for _ in range(4)]
    assert whole[3]["caption"] < whole[0]["caption"]

    stop_some_steps(monkeypatch)
    assert go_on(lambda: train(folder, "parts", "--resume")) > 2
    assert steps(folder, "parts") == whole
    for name, tensor in load_file(folder / "whole" / "state.safetensors").items():
        assert torch.equal(tensor, load_file(folder / "parts" / "state.safetensors")[name]), name


def test_kill_9(folder):
    """The same with a process and a signal that nothing can catch."""
    program = (
        "import sys, torch, train.run as r; from train.tests.world import fake_pictures;"
        # As many as here: sums are split among them.
        f"torch.set_num_threads({torch.get_num_threads()});"
        "r.Pictures = lambda size, device: fake_pictures(size);"
        "sys.exit(r.main(sys.argv[1:]))"
    )
    args = [sys.executable, "-c", program, "--config", str(folder / "config.json")]
    args += ["--out", str(folder / "killed"), "--resume"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(args, cwd=root, stdout=subprocess.DEVNULL)
    curve = folder / "killed" / "curve.jsonl"
    deadline = time.monotonic() + 120
    while not curve.exists() or len(curve.read_text().splitlines()) < 7:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(args, cwd=root, check=True, stdout=subprocess.DEVNULL)
    run_whole(folder)
    assert steps(folder, "killed") == steps(folder, "whole")


def test_what_a_stage_trains(folder):
    run_whole(folder)
    parts = []
    for name in ("1-vision", "2-language", "3-projector", "4-instruction"):
        parts.append(load_file(folder / "whole" / "stages" / name / "model.safetensors"))
    changed = [
        {name.partition(".")[0] for name in after if not torch.equal(before[name], after[name])}
        for before, after in zip(parts, parts[1:])
    ]
    assert changed == [{"language_model"}, {"abstractor"}, {"abstractor", "language_model"}]


def test_a_tower_taught_patch_by_patch(folder, monkeypatch):
    """By Muon; its reader is carried as long as it is needed."""
    config = tiny_config(folder, 320)
    patches = config["stages"][0] | {"kind": "patches", "optimizer": "muon"}
    config["stages"] = [patches, config["stages"][3]]
    (folder / "patches.json").write_text(json.dumps(config))

    def run(out: str, *more: str) -> int:
        return run_module.main(["--config", str(folder / "patches.json"), "--out", str(folder / out), *more])

    def packed(out: str) -> set[str]:
        assert run(out, "--pack", str(folder / "packed.safetensors")) == 0
        names = [name.split(".") for name in load_file(folder / "packed.safetensors")]
        return {name[2] if name[1] == "honeybee" else name[1] for name in names}

    assert run("patches") == 0
    whole = steps(folder, "patches")
    assert [line["kind"] for line in whole] == ["patches"] * 4 + ["instruction"] * 4
    assert whole[3]["thing"] < whole[0]["thing"] and 0 <= whole[3]["right"] <= 1
    assert packed("patches") == {"vision_model", "abstractor", "language_model"}

    stop_some_steps(monkeypatch)
    with pytest.raises(Killed):
        run("patches-in-parts")
    assert packed("patches-in-parts") == {"vision_model", "patch_reader"}
    go_on(lambda: run("patches-in-parts", "--resume"))
    assert steps(folder, "patches-in-parts") == whole


def test_a_portable_state(folder, monkeypatch):
    """bf16 weights alone: enough to go on from, with a learning rate that comes back."""
    take_step = run_module.Run.take_step

    def stopping(self, *args):
        if (self.progress.stage, self.progress.step) == (1, 2):
            raise Killed
        return take_step(self, *args)

    monkeypatch.setattr(run_module.Run, "take_step", stopping)
    with pytest.raises(Killed):
        train(folder, "half")
    small = folder / "small.safetensors"
    assert train(folder, "half", "--pack", str(small)) == 0
    tensors = load_file(small)
    assert all(tensor.dtype == torch.bfloat16 for tensor in tensors.values())
    parts = {name.removeprefix("weights.").removeprefix("honeybee.").partition(".")[0] for name in tensors}
    assert parts == {"vision_model", "language_model"}
    monkeypatch.undo()
    monkeypatch.setattr(run_module, "Pictures", lambda size, device: fake_pictures(size))
    assert train(folder, "elsewhere", "--from", str(small)) == 0
    run_whole(folder)
    whole, rest = steps(folder, "whole"), steps(folder, "elsewhere")
    assert [(line["stage"], line["step"]) for line in rest] == [(line["stage"], line["step"]) for line in whole[6:]]
    assert rest[0]["loss"] == pytest.approx(whole[6]["loss"], rel=1e-2)
    assert rest[0]["rate"] == pytest.approx(whole[6]["rate"] / run_module.RAMP)
    assert rest[2]["rate"] == whole[8]["rate"]


def test_states_that_do_not_fit_are_refused(folder, capsys):
    run_whole(folder)
    assert train(folder, "whole") == 1
    assert "--resume" in capsys.readouterr().err
    state = folder / "whole" / "state.safetensors"
    damaged = folder / "damaged.safetensors"
    damaged.write_bytes(state.read_bytes()[:-100])
    assert train(folder, "other", "--from", str(damaged)) == 1
    assert "damaged.safetensors: not a safetensors file, or cut short" in capsys.readouterr().err
    config = tiny_config(folder, 320)
    config["model"]["vision"]["num_attention_heads"] = 4
    other = folder / "other.json"
    other.write_text(json.dumps(config))
    assert run_module.main(["--config", str(other), "--out", str(folder / "other"), "--from", str(state)]) == 1
    assert "another configuration" in capsys.readouterr().err
    other.write_text(json.dumps(tiny_config(folder, 320) | {"seed": 8}))
    assert run_module.main(["--config", str(other), "--out", str(folder / "whole"), "--resume"]) == 1
    assert "another configuration" in capsys.readouterr().err


def test_checkpoints(folder, tmp_path):
    model = Honeybee(parse_config(tiny_config(folder, 320), "x").model)
    save_checkpoint(tmp_path, model, folder / "tokenizer.model", torch.float32)
    again = load_checkpoint(tmp_path)
    assert dataclasses.asdict(again.config) == dataclasses.asdict(model.config)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])

    tensors = load_file(tmp_path / "model.safetensors")
    name = "abstractor.reference_points"
    for change, words in (
        (lambda t: t.pop(name), "is missing"),
        (lambda t: t.update({name: t[name][:, :2]}), r"is \[1, 2, 2\] where the model has \[1, 4, 2\]"),
        (lambda t: t.update({name: t[name] * float("nan")}), "not finite"),
        (lambda t: t.update(extra=t[name].clone()), "extra does not belong"),
    ):
        changed = dict(tensors)
        change(changed)
        save_file(changed, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match=words):
            load_checkpoint(tmp_path)


def test_pieces(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(2500))
    pieces = split_file(path, tmp_path / "pieces", 1000)
    assert [piece.stat().st_size for piece in pieces] == [1000, 1000, 500]
    join_file(tmp_path / "pieces", "weights", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    pieces[1].unlink()
    with pytest.raises(CheckpointError, match="2 pieces do not add up"):
        join_file(tmp_path / "pieces", "weights", tmp_path / "again")


def test_configurations_are_checked(folder):
    for change, words in (
        ({"stages": [{"kind": "vision", "typo": 1}]}, r"stages\[0\]\.typo: unknown"),
        ({"colour": 1}, "colour: unknown"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_config(tiny_config(folder, 320) | change, "x")
    for key, value, words in (
        ("kind", "tower", "expected one of vision"),
        ("warmup", 9, "warmup: 9; expected fewer steps"),
        ("max_length", 2000, "expected 16 to 320"),
    ):
        data = tiny_config(folder, 320)
        data["stages"][0][key] = value
        with pytest.raises(ConfigError, match=words):
            parse_config(data, "x")
