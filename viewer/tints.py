"""Which colour each tissue bears in the scene, at cells and softened at vertices."""

from typing import Any

import numpy as np

from meshing.tetmesh import TET_FACES
from viewer import palette

SOFT_EDGE = (0.3, 0.7)


class Tints:
    """The colours of one mesh's tissues.

    Plaque is calcified tet by tet, so that a cut through calcium is ragged. In pictures its colour follows the calcified share of
    the tets about each vertex, and no outline is drawn between it and other plaque.
    """

    def __init__(self, mesh: Any) -> None:
        """Take the tissues of a mesh."""
        from matplotlib.colors import to_rgb

        colours = palette.tissue_colours(dict(mesh.label_names))
        self.table = np.zeros((max(colours) + 1, 3), dtype=np.uint8)
        for number, colour in colours.items():
            self.table[number] = np.round(255 * np.array(to_rgb(colour)))
        self.wall = np.round(255 * np.array(to_rgb(palette.TISSUES["arterial wall"]))).astype(np.uint8)
        names = {number: name.lower() for number, name in mesh.label_names.items()}
        self._calcified = [number for number, name in names.items() if "calci" in name]
        self._plaque = [number for number, name in names.items() if "plaque" in name and number not in self._calcified]
        self.calcified_share = self._share_at_vertices(mesh)
        self.bounds = self._bounds(mesh)

    def of_section(self, labels: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Give the colours of the corners of triangles on the cut, (triangle count, 3 corners, 3) uint8.

        labels: (triangle count,); share: calcified share at the corners, (triangle count, 3).
        """
        colours = np.repeat(self.table[labels][:, None], 3, axis=1)
        if not (self._calcified and self._plaque):
            return colours
        diseased = np.isin(labels, [*self._calcified, *self._plaque])
        low, high = SOFT_EDGE
        part = np.clip((share[diseased] - low) / (high - low), 0.0, 1.0)[..., None]
        soft, hard = self.table[self._plaque[0]].astype(float), self.table[self._calcified[0]].astype(float)
        colours[diseased] = np.round(soft + part * (hard - soft)).astype(np.uint8)
        return colours

    def _share_at_vertices(self, mesh: Any) -> np.ndarray:
        """Give the calcified share of the plaque's volume about each vertex, (vertex count,)."""
        volumes = np.abs(mesh.volumes())
        totals = []
        for labels in (self._calcified, [*self._calcified, *self._plaque]):
            chosen = np.isin(mesh.labels, labels)
            corners = mesh.tets[chosen].ravel()
            totals.append(np.bincount(corners, weights=np.repeat(volumes[chosen], 4), minlength=len(mesh.vertices)))
        return totals[0] / np.maximum(totals[1], 1e-12)

    def _bounds(self, mesh: Any) -> np.ndarray:
        """Give the triangles that bound the tissues, outside and against each other, (triangle count, 3)."""
        groups = np.arange(len(self.table))
        if self._plaque:
            groups[self._calcified] = self._plaque[0]
        own = groups[mesh.labels]
        neighbours = mesh.neighbours()
        beyond = np.where(neighbours < 0, -1, own[np.maximum(neighbours, 0)])
        tet, face = np.nonzero(beyond < own[:, None])
        return mesh.tets[tet[:, None], TET_FACES[face]]


def softened(surface: Any, cell_colours: np.ndarray) -> np.ndarray:
    """Average the colours of the triangles about each point of a surface, (point count, 3) uint8."""
    corners = surface.regular_faces.ravel()
    counts = np.maximum(np.bincount(corners, minlength=surface.n_points), 1)
    sums = [np.bincount(corners, weights=np.repeat(band, 3), minlength=surface.n_points) for band in cell_colours.T.astype(float)]
    return np.round(np.column_stack(sums) / counts[:, None]).astype(np.uint8)
