"""The stage that teaches the tower patch by patch: its truth, and that a run learns it."""

import math
import unittest.mock

import pytest
import torch
from torch.nn import functional as F

from train.config import ConfigError
from train.model.clip import ClipVisionModel, VisionConfig
from train.model.honeybee import IGNORED
from train.model.patch_reader import PatchLabels, PatchReader, PatchReaderConfig
from train.patch_labels import COLORS, Labeller
from train.world import Atlas

GRID = 9
ATLAS = Atlas()
CONFIG = PatchReaderConfig(vision_size=8)


def shape(x: float, y: float, side: float, name: str = "square", color: str = "red", angle: int = 0) -> dict:
    box = [x - side / 2, y - side / 2, x + side / 2, y + side / 2]
    return {"kind": "shape", "name": name, "color": color, "rgb": [1, 2, 3], "x": x, "y": y, "side": side,
            "angle": angle, "box": box}


def labels_of(*things: dict) -> PatchLabels:
    return Labeller(ATLAS, GRID, CONFIG)([{"size": 144, "objects": list(things)}])


def as_plane(labels: torch.Tensor) -> torch.Tensor:
    """[18, 18] in the picture's order, of labels [1, 81, 4]."""
    return labels[0].view(GRID, GRID, 2, 2).transpose(1, 2).reshape(2 * GRID, 2 * GRID)


def test_points_lie_on_the_foremost_thing():
    # Points are at 4, 12, 20, … pixels. 0.84 of a side of 40 reaches 16.8 to both sides.
    plane = as_plane(labels_of(shape(72, 40, 40), shape(84, 40, 20, "circle", "blue")).things)
    circle, square = (1 + len(ATLAS.names) + ATLAS.shapes[name] for name in ("circle", "square"))
    for row in range(18):
        for column in range(18):
            x, y = 8 * column + 4, 8 * row + 4
            expected = square if abs(x - 72) < 16.8 and abs(y - 40) < 16.8 else 0
            if abs(x - 84) < 8.4 and abs(y - 40) < 8.4:
                expected = circle
            assert plane[row, column] == expected, (x, y)


def test_a_turned_thing_is_measured_along_its_own_axes():
    plane = as_plane(labels_of(shape(72, 72, 60, angle=30)).things)
    c, s, reach = math.cos(math.radians(30)), math.sin(math.radians(30)), 0.84 * 30
    for row in range(18):
        for column in range(18):
            dx, dy = 8 * column + 4 - 72, 8 * row + 4 - 72
            inside = abs(c * dx + s * dy) < reach and abs(c * dy - s * dx) < reach
            assert (plane[row, column] > 0) == inside


def test_colors_and_sides():
    labels = labels_of(shape(72, 40, 40))
    there = labels.things > 0
    assert (labels.colors[there] == COLORS.index("red")).all() and (labels.colors[~there] == IGNORED).all()
    left, top, right, bottom = (144 * labels.sides[there]).T
    assert torch.allclose(left + right, torch.tensor(40.0)) and torch.allclose(top + bottom, torch.tensor(40.0))
    # The leftmost points on it are at 60, which is 8 from its left side.
    assert left.min().item() == pytest.approx(8, abs=1e-4)


def test_letters_are_told_apart_and_fonts_are_not():
    word = {"kind": "word", "word": "AB", "font": "", "color": "blue", "rgb": [0, 0, 9], "x": 72, "y": 72, "side": 60,
            "angle": 0, "box": [42.0, 55.0, 102.0, 90.0]}
    first = 1 + len(ATLAS.names) + len(ATLAS.shapes)
    for font in ATLAS.fonts:
        plane = as_plane(labels_of(word | {"font": font}).things)
        # The word's middle row: A in its left half, B in its right half.
        row = [int(label) for label in plane[8] if label > 0]
        assert sorted(set(row)) == [first, first + 1] and row == sorted(row)


def test_the_loss_is_nothing_only_for_the_truth():
    """A head that says the truth of one patch with certainty."""
    labels = labels_of(shape(72, 72, 140))
    reader = PatchReader(CONFIG)
    sizes = CONFIG.things + CONFIG.colors + 4
    middle = GRID**2 // 2
    one = PatchLabels(labels.things[:, middle : middle + 1], labels.colors[:, middle : middle + 1],
                      labels.sides[:, middle : middle + 1])
    with torch.no_grad():
        reader.head.weight.zero_()
        bias = reader.head.bias.view(4, sizes)
        bias[:, int(one.things[0, 0, 0])] = 50
        bias[:, CONFIG.things + int(one.colors[0, 0, 0])] = 50
        bias[:, -4:] = one.sides[0, 0]
    states = torch.randn(1, 1, 8)
    loss, parts = reader(states, one)
    assert loss.item() < 1e-6 and parts["right"] == 1
    wrong = PatchLabels((one.things + 1) % CONFIG.things, one.colors, one.sides)
    assert reader(states, wrong)[0].item() == pytest.approx(50, abs=1e-3)


def test_a_picture_of_nothing_has_a_loss():
    loss, _ = PatchReader(CONFIG)(torch.randn(1, GRID**2, 8), labels_of())
    loss.backward()
    assert loss.isfinite()


def test_patches_with_things_on_them_are_chosen_first_and_keep_their_labels():
    labels = Labeller(ATLAS, GRID, CONFIG)([
        {"size": 144, "objects": [shape(72, 40, 40)]},
        {"size": 144, "objects": [shape(40, 104, 30, "circle", "blue"), shape(104, 40, 30)]},
    ])
    there = (labels.things > 0).any(-1)
    least, most = int(there.sum(1).min()), int(there.sum(1).max())
    few, many = labels.choose(least), labels.choose(most + 5)
    assert there.gather(1, few).all()
    assert (there.gather(1, many).sum(1) == there.sum(1)).all()
    for kept in (few, many):
        assert all(len(set(row)) == len(row) for row in kept.tolist())
        chosen = labels.of(kept)
        for b, row in enumerate(kept.tolist()):
            for k, patch in enumerate(row):
                assert torch.equal(chosen.things[b, k], labels.things[b, patch])
                assert torch.equal(chosen.colors[b, k], labels.colors[b, patch])
                assert torch.equal(chosen.sides[b, k], labels.sides[b, patch])
    assert not torch.equal(labels.choose(40), labels.choose(40))


def test_a_tower_that_is_shown_some_patches_sees_just_those():
    """Equal to blocking the others out of attention, since nothing but attention mixes patches."""
    torch.manual_seed(1)
    tower = ClipVisionModel(VisionConfig(16, 32, 2, 2, image_size=36, patch_size=12)).double()
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    pixels = torch.randn(2, 3, 36, 36, dtype=torch.double)
    kept = torch.tensor([[4, 0, 7], [8, 1, 2]])
    seen = tower.features(pixels, -1, kept)
    for b in range(2):
        blocked = torch.ones(10, dtype=torch.bool)
        blocked[[0, *(1 + kept[b]).tolist()]] = False
        bias = torch.zeros(10, dtype=torch.double).masked_fill(blocked, -torch.inf)
        own = F.scaled_dot_product_attention
        with unittest.mock.patch.object(
            F, "scaled_dot_product_attention", lambda q, k, v, is_causal: own(q, k, v, attn_mask=bias.expand(10, 10))
        ):
            whole = tower.features(pixels[b : b + 1], -1)
        assert torch.allclose(seen[b], whole[0, kept[b]], rtol=0, atol=1e-12)


def test_another_atlas_is_refused():
    with pytest.raises(ConfigError, match="things 12"):
        Labeller(ATLAS, GRID, PatchReaderConfig(8, things=12))
