"""The truth about each patch of a scene, for PatchReader."""

import numpy as np
import torch

from train.config import ConfigError
from train.model.honeybee import IGNORED
from train.model.patch_reader import PatchLabels, PatchReaderConfig
from train.world import Atlas

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
# A drawing does not fill its cell: this much of its side is taken as the thing.
FILLED = 0.84


class Labeller:
    """Labels of scenes for a grid of patches; the thing at a point is the foremost whose cell covers it."""

    def __init__(self, atlas: Atlas, grid: int, config: PatchReaderConfig):
        names, shapes, letters = len(atlas.names), len(atlas.shapes), len(atlas.letters)
        if (config.things, config.colors) != (1 + names + shapes + letters, len(COLORS)):
            raise ConfigError(
                f"patch_reader: things {config.things} and colors {config.colors}; the atlas has "
                f"{1 + names + shapes + letters} and {len(COLORS)}."
            )
        self.atlas, self.grid, self.points = atlas, grid, config.points
        self.count = names
        # Which thing each cell of the atlas shows, whatever its style or font.
        styles, fonts = len(atlas.styles), len(atlas.fonts)
        things = [*range(names)] * styles + [*range(names, names + shapes)]
        self.thing_of_cell = 1 + np.array(things + [*range(names + shapes, names + shapes + letters)] * fonts)
        # Centres of the points' squares in parts of the picture's side, patch by patch.
        side = grid * config.points
        at = (np.arange(side) + 0.5) / side
        y, x = np.meshgrid(at, at, indexing="ij")
        self.x, self.y = self.by_patch(x).ravel(), self.by_patch(y).ravel()

    def by_patch(self, plane: np.ndarray) -> np.ndarray:
        """[side, side] as [patches, points²]"""
        g, p = self.grid, self.points
        return plane.reshape(g, p, g, p).transpose(0, 2, 1, 3).reshape(g * g, p * p)

    def __call__(self, scenes: list[dict]) -> PatchLabels:
        things, colors, sides = zip(*map(self.of_scene, scenes))
        shape = (len(scenes), self.grid**2, self.points**2)
        return PatchLabels(
            torch.from_numpy(np.stack(things)).view(shape),
            torch.from_numpy(np.stack(colors)).view(shape),
            torch.from_numpy(np.stack(sides)).view(*shape, 4),
        )

    def of_scene(self, scene: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = scene["size"]
        things = np.zeros(len(self.x), dtype=np.int64)
        colors = np.full(len(self.x), IGNORED, dtype=np.int64)
        sides = np.zeros((len(self.x), 4), dtype=np.float32)
        for thing in scene["objects"]:
            color = COLORS.index(thing["color"]) if thing["color"] else IGNORED
            x0, y0, x1, y1 = (edge / size for edge in thing["box"])
            for cell, _, x, y, side, turn in self.atlas.layers({"objects": [thing]}):
                reach = FILLED * side / size / 2
                dx, dy = self.x - x / size, self.y - y / size
                along, across = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
                wide = reach if cell < self.atlas.first_letter else self.half_letter(cell) * side / size
                covered = (np.abs(along) < wide) & (np.abs(across) < reach)
                things[covered] = self.thing_of_cell[cell]
                colors[covered] = color
                px, py = self.x[covered], self.y[covered]
                sides[covered] = np.stack([px - x0, py - y0, x1 - px, y1 - py], 1)
        return things, colors, sides

    def half_letter(self, cell: int) -> float:
        """Half of what a letter takes in its line, in parts of its cell's side."""
        font, letter = divmod(cell - self.atlas.first_letter, len(self.atlas.letters))
        return self.atlas.index["fonts"][font]["advances"][letter] / 2
