"""What is refused at the door, each in one sentence that says what, which and what to do."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from sim.body import Body, ModelError, Support, boundary_faces
from sim.checks import check_body, estimated_memory, rest_shape
from sim.materials.active import Active
from sim.materials.guccione import Guccione
from sim.materials.relaxing import Relaxing
from sim.model import build_model
from sim.solvers.settings import Settings
from tests.sim.tubes import tube, vessel

GRID = tube(bore=2e-3, outer=3e-3, length=8e-3, around=10, through=2, along=6)
BODY = vessel(GRID)
HEART = Guccione(2.0e3, 8.0, 2.0, 4.0, 1.0e6, 1000.0)
STRAIGHT = np.tile(np.eye(3), (len(GRID.tets), 1, 1))


def fibrous(law: object = HEART, frames: np.ndarray | None = STRAIGHT) -> Body:
    return dataclasses.replace(BODY, laws=(law,), frames=frames)


def inside() -> np.ndarray:
    """A face between two tets, as a surface of one triangle."""
    outer = {tuple(sorted(face)) for face in boundary_faces(BODY.tets).tolist()}
    return np.array([next(tet[:3] for tet in BODY.tets.tolist() if tuple(sorted(tet[:3])) not in outer)])


def astray() -> np.ndarray:
    vertices = BODY.vertices.copy()
    vertices[[5, 9], 1] = np.nan, np.inf
    return vertices


def skewed() -> np.ndarray:
    frames = STRAIGHT.copy()
    frames[[4, 8], 0, 1] = 0.1
    return frames


REFUSED: dict[str, tuple[Callable[[], Body], str]] = {
    "vertices without a place": (
        lambda: dataclasses.replace(BODY, vertices=astray()),
        "^2 vertices have no finite place; the first is vertex 5",
    ),
    "a surface inside the tissue": (
        lambda: dataclasses.replace(BODY, surfaces={"cut": inside()}),
        r"^Triangle 0 of the surface 'cut', \(\d+, \d+, \d+\), is no face of the tissue's boundary",
    ),
    "a surface of another mesh": (
        lambda: dataclasses.replace(BODY, surfaces={"skin": np.array([[0, 1, 10_000]])}),
        r"^Triangle 0 of the surface 'skin', \(0, 1, 10000\), is no face of the tissue's boundary",
    ),
    "a surface facing out": (
        lambda: dataclasses.replace(BODY, surfaces={"outside": GRID.faces(2, 1)[:, ::-1]}),
        "^Triangle 0 of the surface 'outside', .* faces out of the tissue; turn it round",
    ),
    "one triangle facing out": (
        lambda: dataclasses.replace(BODY, lumen=np.concatenate([BODY.lumen[:7], BODY.lumen[7:8, ::-1], BODY.lumen[8:]])),
        "^Triangle 7 of the surface 'lumen', .* faces out of the tissue",
    ),
    "a support of a surface that is not there": (
        lambda: dataclasses.replace(BODY, supports=(Support("outside", 1e8),)),
        "^There is no surface called 'outside'; the body has lumen",
    ),
    "a touching surface that is not there": (
        lambda: dataclasses.replace(BODY, surfaces={"end": GRID.faces(0, 0)}, touching=("lumen", "ends")),
        "^There is no surface called 'ends'; the body has end, lumen",
    ),
    "a patch of no vertex": (lambda: dataclasses.replace(BODY, patches={"grip": np.zeros(0, int)}), "^The patch 'grip' names no"),
    "a patch of a vertex that is not there": (
        lambda: dataclasses.replace(BODY, patches={"grip": np.array([0, len(BODY.vertices)])}),
        f"^The patch 'grip' names no vertex, or one that is not there; give some of 0 to {len(BODY.vertices) - 1}",
    ),
    "fibres without directions": (lambda: fibrous(frames=None), "^Guccione needs the directions of its fibres"),
    "wrapped fibres without directions": (
        lambda: fibrous(Relaxing(HEART, 0.5, 1.0), frames=None),
        "^Guccione needs the directions of its fibres",
    ),
    "active muscle without directions": (
        lambda: fibrous(Active(BODY.laws[0], 60e3), frames=None),
        "^Active needs the directions of its fibres",
    ),
    "directions for some tets": (
        lambda: fibrous(frames=STRAIGHT[:-1]),
        rf"^There are {len(GRID.tets)} tetrahedra and frames of shape \({len(GRID.tets) - 1}, 3, 3\); give one for each",
    ),
    "directions that are not at right angles": (
        lambda: fibrous(frames=skewed()),
        "^The frames of 2 tetrahedra are not three unit vectors at right angles; the first is tet 4",
    ),
    "directions that are no numbers": (lambda: fibrous(frames=STRAIGHT * np.nan), "^The frames of 720 tetrahedra are not three"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case):
    make, sentence = REFUSED[case]
    with pytest.raises(ModelError, match=sentence) as raised:
        build_model(make())
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


def test_a_sound_body_is_let_through():
    """Surfaces that begin with any of their corners, laws that need no directions, frames that no law reads."""
    surfaces = {"outside": GRID.faces(2, 1)[:, [1, 2, 0]], "nothing": np.zeros((0, 3), int)}
    build_model(dataclasses.replace(BODY, surfaces=surfaces, supports=(Support("outside", 1e8),), touching=("lumen", "outside")))
    build_model(fibrous())
    build_model(dataclasses.replace(BODY, frames=None))


def test_memory_that_would_not_suffice_is_asked_for_beforehand():
    volume = rest_shape(BODY)[1]
    needed = estimated_memory(len(BODY.tets))
    check_body(BODY, volume, available=needed)
    with pytest.raises(ModelError, match=r"^720 tetrahedra need about 0\.0 GiB of memory and 0\.0 GiB are free; mesh coarser\."):
        check_body(BODY, volume, available=needed - 1)
    assert estimated_memory(10_000_000) > 10 * 2**30


@pytest.mark.parametrize("name", ["newton_limit", "linear_limit", "multiplier_rounds", "static_newton_limit"])
@pytest.mark.parametrize("value", [0, -3])
def test_a_tick_with_nothing_to_work_with_is_refused(name, value):
    with pytest.raises(ValueError, match=f"A tick was given a {name} of {value}; it takes at least 1"):
        Settings(**{name: value})


@pytest.mark.parametrize("dt", [0.0, -0.05, float("nan")])
def test_a_tick_that_takes_no_time_is_refused(dt):
    with pytest.raises(ValueError, match="it must be positive"):
        Settings(dt=dt)
