"""The compositor of the demo model's world in PyTorch: scenes as pictures, where there is no Node.

The formats of scenes and of the atlas, and the arithmetic, are defined in lib/data/world/scene.ts and background.ts;
pictures equal those of lib/data/world/render.ts within 1/255. Needs torch, numpy and Pillow.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

ATLAS_FOLDER = Path(__file__).parent.parent / "assets" / "world"
MIP_LEVELS = 4
# Patches are drawn in a few sizes, so that many share one call.
PATCH_STEP = 24
# Scenes that a processor draws at a time.
CPU_CHUNK = 64
MASK = 0xFFFFFFFF


class Atlas:
    """The drawings, shapes and letters.

    levels: by mip level, [cells, 4, n, n] float32 with n = cell / 2^level; RGB from 0 to 255 multiplied by alpha,
        alpha from 0 to 1.
    """

    def __init__(self, folder=ATLAS_FOLDER, device="cpu"):
        folder = Path(folder)
        self.index = index = json.loads((folder / "atlas.json").read_text())
        self.cell = index["cell"]
        self.names = {entry["name"]: n for n, entry in enumerate(index["names"])}
        self.styles = {style: n for n, style in enumerate(index["styles"])}
        self.shapes = {shape: n for n, shape in enumerate(index["shapes"])}
        self.fonts = {font["name"]: n for n, font in enumerate(index["fonts"])}
        self.letters = {letter: n for n, letter in enumerate(index["letters"])}
        counts = [len(self.names)] * len(self.styles) + [len(self.shapes)] + [len(self.letters)] * len(self.fonts)
        self.first_shape = len(self.names) * len(self.styles)
        self.first_letter = self.first_shape + len(self.shapes)
        cells = np.concatenate([self._sheet(folder / file, n) for file, n in zip(index["sheets"], counts)])
        pixels = torch.from_numpy(cells).to(device).permute(0, 3, 1, 2).float()
        alpha = pixels[:, 3:] / 255
        level = torch.cat([pixels[:, :3] * alpha, alpha], dim=1).contiguous()
        self.levels = [level]
        for _ in range(MIP_LEVELS - 1):
            level = F.avg_pool2d(level, 2)
            self.levels.append(level)

    def _sheet(self, path, count):
        """[count, cell, cell, 4] bytes."""
        columns = self.index["columns"]
        sheet = np.asarray(Image.open(path).convert("RGBA"))
        rows = sheet.shape[0] // self.cell
        grid = sheet.reshape(rows, self.cell, columns, self.cell, 4).transpose(0, 2, 1, 3, 4)
        return grid.reshape(rows * columns, self.cell, self.cell, 4)[:count]

    def mip_level(self, side):
        level = 0
        while level < MIP_LEVELS - 1 and self.cell / 2 ** (level + 1) >= side:
            level += 1
        return level

    def layers(self, scene):
        """(cell, tint or None, x, y, side, radians) of each cell that a scene draws, the hindmost first."""
        layers = []
        for thing in scene["objects"]:
            x, y, side, turn = thing["x"], thing["y"], thing["side"], math.radians(thing["angle"])
            if thing["kind"] == "drawing":
                cell = self.styles[thing["style"]] * len(self.names) + self.names[thing["name"]]
                layers.append((cell, None, x, y, side, turn))
            elif thing["kind"] == "shape":
                layers.append((self.first_shape + self.shapes[thing["name"]], thing["rgb"], x, y, side, turn))
            else:
                layers.extend(self._word(thing, turn))
        return layers

    def _word(self, thing, turn):
        font = self.fonts[thing["font"]]
        letters = [self.letters[letter] for letter in thing["word"]]
        advances = self.index["fonts"][font]["advances"]
        widths = [advances[letter] for letter in letters]
        total = sum(widths)
        side = thing["side"] / total
        before = 0.0
        for letter, width in zip(letters, widths):
            along = (before + width / 2 - total / 2) * side
            before += width
            cell = self.first_letter + font * len(self.letters) + letter
            x = thing["x"] + math.cos(turn) * along
            y = thing["y"] + math.sin(turn) * along
            yield cell, thing["rgb"], x, y, side, turn


def mix32(h):
    """int64 tensors holding 32 bits, unsigned."""
    h = h & MASK
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & MASK
    h = ((h ^ (h >> 15)) * 0x846CA68B) & MASK
    return h ^ (h >> 16)


def lattice(column, row, seed):
    h = seed ^ ((column * 0x9E3779B1) & MASK) ^ ((row * 0x85EBCA77) & MASK)
    return (mix32(h) >> 8).float() / 2**24


class Field:
    """The mixing weights of backgrounds of one kind, each [n, size, size]; see background.ts."""

    def __init__(self, backgrounds, size, device):
        def column(values, dtype):
            return torch.tensor(values, dtype=dtype, device=device).view(-1, 1, 1)

        turns = [math.radians(background["angle"]) for background in backgrounds]
        self.size = size
        self.cos = column([math.cos(turn) for turn in turns], torch.float32)
        self.sin = column([math.sin(turn) for turn in turns], torch.float32)
        self.phase = column(turns, torch.float32)
        self.scale = column([background["scale"] for background in backgrounds], torch.int64)
        self.seed = column([background["seed"] for background in backgrounds], torch.int64)
        self.period = self.scale.float()
        whole = torch.arange(size, device=device)
        self.x = (whole.float() + 0.5).view(1, 1, size)
        self.y = (whole.float() + 0.5).view(1, size, 1)
        self.column = whole.view(1, 1, size)
        self.row = whole.view(1, size, 1)

    def along(self, x, y):
        return self.cos * x + self.sin * y

    def across(self, x, y):
        return self.cos * y - self.sin * x

    @staticmethod
    def fold(q, p):
        q = q / p
        return (q - torch.floor(q) - 0.5).abs() * p

    def band(self, q):
        return (self.fold(q, self.period) - self.period / 4 + 0.5).clamp(0, 1)

    def noise(self, period, seed):
        def axis(whole, centre):
            cell = torch.div(whole, period, rounding_mode="floor")
            t = (centre - (cell * period).float()) / period.float()
            return cell, t * t * (3 - 2 * t)

        column, u = axis(self.column, self.x)
        row, v = axis(self.row, self.y)
        # The lattice has few points; pixels look theirs up.
        cells = self.size // int(period.min()) + 2
        points = torch.arange(cells, device=period.device)
        values = lattice(points.view(1, 1, -1), points.view(1, -1, 1), seed)
        n = len(values)
        rows = row.expand(n, self.size, 1)
        columns = column.expand(n, 1, self.size)
        across = []
        for step in (0, 1):
            picked = values.gather(2, (columns + step).expand(n, cells, self.size))
            across.append(picked)
        lines = across[0] * (1 - u) + across[1] * u
        top = lines.gather(1, rows.expand(n, self.size, self.size))
        bottom = lines.gather(1, (rows + 1).expand(n, self.size, self.size))
        return top * (1 - v) + bottom * v

    def flat(self):
        return torch.zeros(len(self.scale), self.size, self.size, device=self.x.device)

    def gradient(self):
        middle = self.size / 2
        return (self.along(self.x - middle, self.y - middle) / self.size + 0.5).clamp(0, 1)

    def radial(self):
        middle = self.size / 2
        distance = torch.sqrt((self.x - middle) ** 2 + (self.y - middle) ** 2)
        weights = (distance * math.sqrt(2) / self.size).clamp(max=1)
        return weights.expand(len(self.scale), -1, -1)

    def stripes(self):
        return self.band(self.along(self.x, self.y))

    def checks(self):
        a = self.band(self.along(self.x, self.y))
        b = self.band(self.across(self.x, self.y))
        return a + b - 2 * a * b

    def dots(self):
        a = self.fold(self.along(self.x, self.y), self.period)
        b = self.fold(self.across(self.x, self.y), self.period)
        return (0.3 * self.period - torch.sqrt(a * a + b * b) + 0.5).clamp(0, 1)

    def grid(self):
        a = self.fold(self.along(self.x, self.y), self.period)
        b = self.fold(self.across(self.x, self.y), self.period)
        return (1.5 - torch.minimum(a, b)).clamp(0, 1)

    def speckle(self):
        column = torch.div(self.column, self.scale, rounding_mode="floor")
        row = torch.div(self.row, self.scale, rounding_mode="floor")
        return lattice(column, row, self.seed)

    def clouds(self):
        octaves = [self.noise(self.scale >> k, self.seed + k) for k in range(3)]
        return (4 * octaves[0] + 2 * octaves[1] + octaves[2]) / 7

    def hills(self):
        wave = torch.sin(2 * math.pi * self.x / (3 * self.period) + self.phase)
        horizon = self.size / 2 + self.period / 3 * wave
        ground = ((self.y - horizon) / 2 + 0.5).clamp(0, 1)
        return 0.7 * ground + 0.3 * self.noise(self.scale >> 1, self.seed)

    def waves(self):
        shift = self.period / 3 * torch.sin(math.pi * self.across(self.x, self.y) / self.period)
        return self.band(self.along(self.x, self.y) + shift)

    def bricks(self):
        half = self.period / 2
        row = torch.floor(self.y / half)
        level = half / 2 - self.fold(self.y, half)
        upright = half - self.fold(self.x + (row - 2 * torch.floor(row / 2)) * half, self.period)
        return (1.5 - torch.minimum(level, upright)).clamp(0, 1)


def draw_backgrounds(canvas, scenes):
    """canvas [scenes, 3, size, size]"""
    kinds = {}
    for n, scene in enumerate(scenes):
        kinds.setdefault(scene["background"]["kind"], []).append(n)
    for kind, members in kinds.items():
        backgrounds = [scenes[n]["background"] for n in members]
        weights = getattr(Field(backgrounds, canvas.shape[-1], canvas.device), kind)()
        colors = torch.tensor([b["colors"] for b in backgrounds], dtype=torch.float32, device=canvas.device)
        first, second = colors[:, 0, :, None, None], colors[:, 1, :, None, None]
        canvas[torch.tensor(members, device=canvas.device)] = torch.addcmul(first, second - first, weights[:, None])


def draw_layers(canvas, layers, atlas):
    """Draws layers of different scenes: a list of (scene, cell, tint, x, y, side, turn); canvas [scenes, 3, S, S]."""
    size = canvas.shape[-1]
    groups = {}
    for layer in layers:
        _, _, _, x, y, side, turn = layer
        level = atlas.mip_level(side)
        reach = (side / 2 + side / (atlas.cell >> level)) * (abs(math.cos(turn)) + abs(math.sin(turn)))
        patch = min(size, PATCH_STEP * math.ceil((2 * reach + 2) / PATCH_STEP))
        left = min(max(0, math.floor(x - reach)), size - patch)
        top = min(max(0, math.floor(y - reach)), size - patch)
        groups.setdefault((level, patch), []).append((*layer, left, top))
    for (level, patch), group in groups.items():
        draw_patches(canvas, group, atlas.levels[level], patch)


def draw_patches(canvas, group, cells, patch):
    device = canvas.device
    size = canvas.shape[-1]
    n = len(group)
    scene, cell, tints, x, y, side, turn, left, top = zip(*group)
    # The affine map of the patch's pixels to the cell, from -1 to 1; set up in double precision.
    x, y, side, turn, left, top = (np.array(values, dtype=np.float64) for values in (x, y, side, turn, left, top))
    cos, sin = 2 * np.cos(turn) / side, 2 * np.sin(turn) / side
    dx, dy = left + 0.5 - x, top + 0.5 - y
    start = np.stack([cos * dx + sin * dy, cos * dy - sin * dx], 1)
    affine = np.concatenate([start, np.stack([cos, -sin, sin, cos], 1)], 1)
    affine = torch.from_numpy(affine).float().to(device).view(n, 3, 1, 1, 2)
    steps = torch.arange(patch, device=device, dtype=torch.float32)
    at = affine[:, 0] + affine[:, 1] * steps.view(1, 1, patch, 1) + affine[:, 2] * steps.view(1, patch, 1, 1)
    chosen = cells[torch.tensor(cell, device=device)]
    sampled = F.grid_sample(chosen, at, mode="bilinear", padding_mode="zeros", align_corners=False)
    color, alpha = sampled[:, :3], sampled[:, 3:]
    tinted = torch.tensor([tint is not None for tint in tints], device=device)
    if tinted.any():
        tint = torch.tensor([tint or (0, 0, 0) for tint in tints], dtype=torch.float32, device=device)
        color = torch.where(tinted.view(n, 1, 1, 1), tint.view(n, 3, 1, 1) * alpha, color)
    # Where the patch lies on the canvas, seen as one row of numbers.
    first = np.array(scene) * 3 * size * size + top.astype(np.int64) * size + left.astype(np.int64)
    first = torch.from_numpy(first).to(device).view(n, 1, 1, 1)
    whole = torch.arange(patch, device=device)
    plane = torch.arange(3, device=device).view(1, 3, 1, 1) * size * size
    where = first + plane + whole.view(1, 1, patch, 1) * size + whole.view(1, 1, 1, patch)
    flat = canvas.view(-1)
    flat[where] = torch.addcmul(color, flat[where], 1 - alpha)


def render(scenes, atlas, device="cpu"):
    """Scenes of one size as pictures: [scenes, 3, size, size] bytes, on `device`, where the atlas is."""
    sizes = {scene["size"] for scene in scenes}
    if len(sizes) != 1:
        raise ValueError(f"scenes of one batch must have one size, not {sorted(sizes)}")
    size = sizes.pop()
    pictures = torch.empty(len(scenes), 3, size, size, dtype=torch.uint8, device=device)
    # A processor is fastest on what fits its cache; an accelerator on all at once.
    chunk = CPU_CHUNK if torch.device(device).type == "cpu" else len(scenes)
    canvas = torch.empty(chunk, 3, size, size, device=device)
    for first in range(0, len(scenes), chunk):
        some = scenes[first : first + chunk]
        own = canvas[: len(some)]
        draw_backgrounds(own, some)
        layers = [atlas.layers(scene) for scene in some]
        for depth in range(max(map(len, layers))):
            draw_layers(own, [(n, *mine[depth]) for n, mine in enumerate(layers) if depth < len(mine)], atlas)
        pictures[first : first + chunk] = own.clamp_(0, 255).round_()
    return pictures


def main():
    """Draws scenes, one JSON line each and all of one size, below one another: world.py SCENES.jsonl PICTURE.png"""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {main.__doc__.split(': ', 1)[1]}")
    scenes = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    pictures = render(scenes, Atlas()).permute(0, 2, 3, 1).flatten(0, 1)
    Image.fromarray(pictures.numpy()).save(sys.argv[2], lossless=True)


if __name__ == "__main__":
    main()
