"""Closed surfaces filled with tetrahedra, by our lattice and by fTetWild where it is there."""

import numpy as np
import pytest
import trimesh

from meshing.enclosed import fill_surface
from meshing.errors import InputError
from meshing.quality import assess
from meshing.surfaces import Surface, read_surface
from tests.shared_data import shared_data


def ball(radius: float = 10.0) -> Surface:
    """The surface of a ball, off the origin."""
    made = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return Surface(np.asarray(made.vertices) + np.array([3.0, -40.0, 100.0]), np.asarray(made.faces, np.int64))


@pytest.mark.parametrize("engine", ["lattice", "ftetwild"])
def test_a_ball_is_filled(engine):
    mesh = fill_surface(ball(), edge_length=2.0, engine=engine)
    quality = assess(mesh)
    assert quality.is_sound and quality.min_dihedral_deg > 10.0
    assert mesh.volumes().sum() == pytest.approx(4.0 / 3.0 * np.pi * 1000.0, rel=0.03)
    assert mesh.vertices.mean(axis=0) == pytest.approx([3.0, -40.0, 100.0], abs=0.3)
    assert quality.mean_edge_mm == pytest.approx(2.0, rel=0.3)


def test_a_real_vessel_with_open_ends_is_capped_and_filled():
    surface = read_surface(shared_data("carotid/carotids.stl"))
    mesh = fill_surface(surface, edge_length=1.0)
    assert assess(mesh).is_sound and mesh.notes


def test_bad_choices_are_told():
    with pytest.raises(InputError, match="no meshing engine"):
        fill_surface(ball(), edge_length=2.0, engine="magic")
    with pytest.raises(InputError, match="above zero"):
        fill_surface(ball(), edge_length=0.0)
    with pytest.raises(InputError, match="larger than"):
        fill_surface(ball(1.0), edge_length=50.0)
