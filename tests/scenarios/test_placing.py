"""Where devices come to lie: a balloon's way is shorter than the vessel's about a corner, and places are carried over to it."""

import numpy as np
import pytest

from meshing.centrelines import Path
from scenarios.placing import carried_over, guide_of


def cornered() -> Path:
    """30 mm straight on, then 30 mm to the side."""
    along = np.linspace(0.0, 60.0, 241)
    points = np.stack([np.minimum(along, 30.0), np.maximum(along - 30.0, 0.0), np.zeros(241)], 1)
    tangents = np.where(along[:, None] < 30.0, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    return Path(points=points, tangents=tangents, radii=np.full(241, 3.0), stations=along)


@pytest.mark.parametrize("station", [8.0, 50.0])
def test_a_place_beyond_a_corner_is_where_it_is_on_the_path(station):
    path = cornered()
    guide = guide_of(path, 3.0)
    assert guide.length < path.length - 1.0
    found = guide.at(np.array([carried_over(station, path, guide)]))[0]
    np.testing.assert_allclose(found, path.at(np.array([station]))[0], atol=0.02)


def test_the_corner_of_the_path_is_nearest_where_it_is_carried_to():
    path = cornered()
    guide = guide_of(path, 3.0)
    off = np.linalg.norm(guide.points - path.at(np.array([30.0]))[0], axis=1)
    assert carried_over(30.0, path, guide) == pytest.approx(guide.stations[np.argmin(off)], abs=0.3)
