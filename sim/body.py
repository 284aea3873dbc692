"""Body: tissue as numpy arrays, and what loads, holds and meets it; what a model is made from."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from sim.materials.material import Material
from sim.obstacles import Obstacle


class ModelError(ValueError):
    """A model that cannot be simulated, told in one sentence."""


@dataclasses.dataclass(frozen=True)
class Support:
    """Springs and dashpots along a surface's rest normals: the tissue around a vessel, or a plane of symmetry if stiff.

    Attributes
    ----------
    surface
        Name of a surface of the body.
    stiffness
        Pressure per distance [Pa/m].
    damping
        Pressure per speed [Pa·s/m].
    """

    surface: str
    stiffness: float
    damping: float = 0.0


@dataclasses.dataclass(frozen=True)
class Body:
    """Tissue as numpy arrays: what a model is made from.

    Attributes
    ----------
    vertices
        Rest positions [m], shape (n, 3).
    tets
        Vertex indices, positively oriented, shape (m, 4).
    laws
        The laws in use.
    law_of_tet
        For each tet the index of its law, shape (m,).
    lumen
        Triangles of the lumen, normals out of the blood and so into the tissue, shape (k, 3); may be empty.
    held
        Indices of vertices that do not move.
    frames
        For each tet the directions of fibre, sheet and normal as columns of a rotation, shape (m, 3, 3); None if no law needs
        them.
    surfaces
        Named triangles of the tissue's boundary, normals into the tissue, each of shape (k, 3).
    patches
        Named vertices that hands may move; they stay wherever they were last put.
    supports
        Springs and dashpots that hold named surfaces.
    obstacles
        Rigid bodies that the tissue's boundary may meet.
    drag
        Force per mass and speed [1/s] that slows all tissue: the mass-proportional part of Rayleigh's damping.
    touching
        Names of surfaces that may meet each other and themselves; "lumen" is one of them.
    friction
        Coulomb's coefficient where tissue meets tissue; unverified.
    kept
        Share of the volume term that stays in the tets, see `sim.pockets`; 1 makes plain linear tetrahedra.
    """

    vertices: np.ndarray
    tets: np.ndarray
    laws: Sequence[Material]
    law_of_tet: np.ndarray
    lumen: np.ndarray
    held: np.ndarray
    frames: np.ndarray | None = None
    surfaces: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    patches: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    supports: Sequence[Support] = ()
    obstacles: Sequence[Obstacle] = ()
    drag: float = 0.0
    touching: Sequence[str] = ()
    friction: float = 0.0
    kept: float = 0.05

    def surface(self, name: str) -> np.ndarray:
        """The triangles of a named surface, shape (k, 3); "lumen" names the lumen.

        Raises
        ------
        ModelError
            If there is none of that name.
        """
        if name == "lumen":
            return self.lumen
        if name not in self.surfaces:
            known = ", ".join(sorted(["lumen", *self.surfaces]))
            raise ModelError(f"There is no surface called {name!r}; the body has {known}.")
        return self.surfaces[name]


def boundary_faces(tets: np.ndarray) -> np.ndarray:
    """Triangles of one tet alone, normals into the tissue, shape (k, 3)."""
    # The face across from corner a of a positive tet, wound so that its normal points at that corner.
    faces = np.concatenate([tets[:, list(face)] for face in ((1, 3, 2), (0, 2, 3), (0, 3, 1), (0, 1, 2))])
    low, middle, high = np.sort(faces, axis=1).T.astype(np.int64)
    size = int(tets.max()) + 1
    _, first, count = np.unique((low * size + middle) * size + high, return_index=True, return_counts=True)
    return faces[np.sort(first[count == 1])]
