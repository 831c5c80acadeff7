"""The compositor against the TypeScript one: pictures equal within 1/255."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.world import Atlas, render

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "test" / "golden" / "world"
COMMAND = ROOT / "dist" / "lib" / "cli" / "main.js"


@pytest.fixture(scope="module")
def atlas():
    return Atlas()


def furthest(pictures, expected):
    drawn = pictures.permute(0, 2, 3, 1).flatten(0, 1).numpy().astype(int)
    assert drawn.shape == expected.shape
    return np.abs(drawn - expected).max()


def test_golden_pictures(atlas):
    scenes = [json.loads(line) for line in (GOLDEN / "scenes.jsonl").read_text().splitlines()]
    expected = np.asarray(Image.open(GOLDEN / "pictures.webp").convert("RGB")).astype(int)
    assert furthest(render(scenes, atlas), expected) <= 1


@pytest.mark.skipif(not (shutil.which("node") and COMMAND.exists()), reason="honeybee is not built here")
@pytest.mark.parametrize("seed", range(6))
def test_pictures_of_demo_scene(atlas, seed, tmp_path):
    out = tmp_path / "scene.png"
    command = ["node", COMMAND, "demo-scene", "--seed", str(seed), "--size", str(144 + 16 * seed), "--json", out]
    scene = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    expected = np.asarray(Image.open(out).convert("RGB")).astype(int)
    assert furthest(render([scene], atlas), expected) <= 1


def test_a_batch_has_one_size(atlas):
    scenes = [json.loads((GOLDEN / "scenes.jsonl").read_text().splitlines()[0])] * 2
    with pytest.raises(ValueError, match=r"one size, not \[144, 160\]"):
        render([scenes[0], {**scenes[1], "size": 160}], atlas)
