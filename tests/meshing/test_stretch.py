"""A stretch of a wall is a mesh like any other: whole, closed by named faces, and where it was."""

import numpy as np
import pytest

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.quality import assess
from meshing.stretch import stretch_of
from tests.scenarios.small_case import LENGTH_MM, small_mesh


def _axis() -> Path:
    stations = np.linspace(0.0, LENGTH_MM, 97)
    points = np.stack([np.zeros(97), np.zeros(97), stations], 1)
    return Path(points=points, tangents=np.tile([0.0, 0.0, 1.0], (97, 1)), radii=np.full(97, 2.0), stations=stations)


def test_the_stretch_is_fit_for_a_solver_and_lies_where_it_was():
    whole = small_mesh()
    part = stretch_of(whole, _axis(), first_mm=6.0, last_mm=18.0)
    assert assess(part).is_fit
    assert 0.4 * len(whole.tets) < len(part.tets) < 0.6 * len(whole.tets)
    assert part.vertices[:, 2].min() > 4.0 and part.vertices[:, 2].max() < 20.0
    assert set(part.face_sets) == {"lumen", "outside", "end cut"}
    half = (np.abs(whole.vertices[whole.tets].mean(1)[:, 2] - 12.0) <= 6.0).sum()
    assert abs(len(part.tets) - half) <= 200


def test_an_end_that_is_kept_stays_an_end():
    part = stretch_of(small_mesh(), _axis(), first_mm=0.0, last_mm=12.0)
    assert {"end 0", "end cut"} <= set(part.face_sets) and "end 1" not in part.face_sets


def test_the_whole_stretch_is_the_whole_mesh():
    whole = small_mesh()
    part = stretch_of(whole, _axis(), first_mm=0.0, last_mm=LENGTH_MM)
    assert len(part.tets) == len(whole.tets) and "end cut" not in part.face_sets


def test_a_stretch_beside_the_vessel_is_refused():
    with pytest.raises(InputError, match="no wall between"):
        stretch_of(small_mesh(), _axis(), first_mm=50.0, last_mm=60.0)
