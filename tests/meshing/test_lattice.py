"""The graded lattice: it fills its inside without gaps, conforms where sizes change, and its tets are well shaped."""

import numpy as np
import pytest

from meshing.lattice import balanced, bcc_lattice, pooled
from meshing.quality import assess
from meshing.tetmesh import TetMesh

COUNTS = np.array([4, 5, 3])


def random_splits(levels: int) -> list[np.ndarray]:
    """Splits of cells chosen by chance, each inside a split one, in balance."""
    chance = np.random.default_rng(levels)
    split = [chance.random(tuple(COUNTS << level)) < 0.15 for level in range(levels)]
    for level in range(levels - 1, 0, -1):
        split[level - 1] |= pooled(split[level], np.logical_or)
    return balanced(split)


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_a_graded_lattice_is_whole_and_well_shaped(levels):
    vertices, tets = bcc_lattice(np.array([1.0, -2.0, 3.0]), 8.0, COUNTS, random_splits(levels))
    quality = assess(TetMesh(vertices, tets.astype(np.int32), np.ones(len(tets), np.int32), {1: "all"}))
    assert quality.inverted_count == 0 and quality.misfit_count == 0 and quality.piece_count == 1
    assert quality.boundary_is_closed
    # Only the border's own half cells are missing, so that no face of the boundary lies deep inside.
    faces = TetMesh(vertices, tets.astype(np.int32), np.ones(len(tets), np.int32), {}).boundary_faces()
    centres = vertices[faces].mean(axis=1) - [1.0, -2.0, 3.0]
    assert np.minimum(centres, 8.0 * COUNTS - centres).min(axis=1).max() < 2.0
    least = 60.0 if levels == 0 else 45.0
    assert quality.min_dihedral_deg == pytest.approx(least) and quality.max_dihedral_deg <= 120.0 + 1e-6


def test_neighbours_differ_by_one_level():
    split = random_splits(3)
    for level in (1, 2):
        inner = np.argwhere(split[level])
        for step in np.argwhere(np.ones((3, 3, 3))) - 1:
            if np.count_nonzero(step) == 3:
                continue
            beside = inner + step
            beside = beside[((beside >= 0) & (beside < COUNTS << level)).all(axis=1)] // 2
            assert split[level - 1][tuple(beside.T)].all()
