"""The probe: what a mouse takes hold of, what is pulled and felt, and that hands, replay and engine agree on it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from tests.viewer.room.quick import quick_passage, quick_session, replayed_digests
from viewer.offscreen import offscreen_plotter
from viewer.room.bindings import read_bindings
from viewer.room.bus import Event
from viewer.room.desk import Desk
from viewer.room.hands import Hands
from viewer.room.probing import LIMIT_N, NOTHING_TO_FEEL, STIFFNESS_N_M, Probing, first_hit
from viewer.room.session import Session, run_headless
from viewer.room.stage import Stage
from viewer.room.stylus import NOTCH_MM, Stylus

WIDTH, HEIGHT = 520, 620
MIDDLE = (WIDTH // 2, HEIGHT // 2)


class NoBeam:
    """An X-ray monitor that never shows anything."""

    state, error = "gone", ""

    def take(self) -> None:
        """No picture."""

    def close(self) -> None:
        """Nothing to close."""


class Person:
    """A mouse over the 3-D view of a session."""

    def __init__(self, session: Session, plotter: Any) -> None:
        self.plotter, self.session = plotter, session
        self.stage = Stage(plotter, session.rehearsal.case)
        self.desk = Desk(session, read_bindings(), see=self.stage.do, beam=NoBeam())  # pyright: ignore[reportArgumentType]
        self.stylus = Stylus(self.stage, self.desk)
        self.stage.show(session.latest)
        plotter.render()

    def mouse(self, event: str, at: tuple[int, int]) -> None:
        """As the window's or the page's own mouse does it."""
        self.plotter.iren.interactor.SetEventInformation(*at, 0, 0)
        self.plotter.iren.interactor.InvokeEvent(event)

    def advance(self) -> Any:
        """One tick, shown."""
        snapshot = self.session.advance()
        self.stage.show(snapshot)
        return snapshot


@pytest.fixture
def person(kept: Path):
    """A person at the small case."""
    with offscreen_plotter(WIDTH, HEIGHT) as plotter:
        yield Person(quick_session(kept, None), plotter)


def test_a_mouse_takes_hold_pulls_and_lets_go(person: Person):
    person.desk.do("probe")
    camera = np.array(person.plotter.camera.position)
    person.mouse("LeftButtonPressEvent", MIDDLE)
    assert person.stylus.holds
    # Taken hold of and not yet moved, the spring is at rest.
    first = person.advance().touched
    assert first.force_n < 0.05
    person.mouse("MouseMoveEvent", (MIDDLE[0] + 40, MIDDLE[1]))
    moved = person.stylus.hand_mm - np.array(first.hand_mm)
    assert 0.5 < np.linalg.norm(moved) < 5.0
    assert abs(moved @ person.stage.ahead) < 1e-3
    felt = [person.advance().touched for _ in range(3)]
    pulled, most = felt[-1], max(one.force_n for one in felt)
    stretch = np.linalg.norm(np.subtract(pulled.hand_mm, pulled.at_mm))
    assert pulled.force_n == pytest.approx(min(1e-3 * STIFFNESS_N_M * stretch, LIMIT_N), rel=1e-6)
    assert pulled.force_n > first.force_n and np.subtract(pulled.at_mm, first.at_mm) @ moved > 0.0
    seen = person.stage._actors
    assert all(seen[name].GetVisibility() for name in ("probe", "probe hand", "probe spring"))
    person.mouse("LeftButtonReleaseEvent", (MIDDLE[0] + 40, MIDDLE[1]))
    after = person.advance()
    assert after.touched is None and not seen["probe"].GetVisibility()
    assert f"pulled with up to {most:.2f} N" in after.events[-1][1]
    assert np.allclose(person.plotter.camera.position, camera)


def test_the_wheel_moves_the_hand_away_from_the_person(person: Person):
    person.desk.do("probe")
    person.mouse("LeftButtonPressEvent", MIDDLE)
    before = person.stylus.hand_mm
    person.mouse("MouseWheelForwardEvent", MIDDLE)
    assert person.stylus.hand_mm - before == pytest.approx(NOTCH_MM * person.stage.ahead)


def test_without_the_probe_and_beside_the_wall_the_mouse_turns_the_camera(person: Person):
    for at, probes in ((MIDDLE, False), ((5, 5), True)):
        if probes:
            person.desk.do("probe")
        camera = np.array(person.plotter.camera.position)
        person.mouse("LeftButtonPressEvent", at)
        person.mouse("MouseMoveEvent", (at[0] + 60, at[1] + 20))
        person.mouse("LeftButtonReleaseEvent", (at[0] + 60, at[1] + 20))
        assert not person.stylus.holds
        assert np.linalg.norm(np.array(person.plotter.camera.position) - camera) > 1.0


def test_an_open_wall_is_touched_where_it_is_left(person: Person):
    closed = person.stage.vertex_at(*MIDDLE)
    person.desk.do("clip")
    opened = person.stage.vertex_at(*MIDDLE)
    assert closed is not None and opened is not None
    ahead, points = person.stage.ahead, person.session.latest.vertices
    assert (points[opened] - points[closed]) @ ahead > 1.0


def test_what_is_not_there_and_a_rigid_wall_are_told_and_not_held(person: Person, kept: Path):
    person.desk.do("probe")
    person.stage.vertex_at = lambda x, y: 10**7  # pyright: ignore[reportAttributeAccessIssue]
    person.stylus.press(*MIDDLE)
    assert not person.stylus.holds and "no vertex 10000000 to pull" in person.desk.words
    person.desk.case = quick_passage(None).rehearsal.case
    person.stylus.press(*MIDDLE)
    assert not person.stylus.holds and person.desk.words == NOTHING_TO_FEEL


def test_what_is_let_go_of_elsewhere_is_not_taken_again_by_the_mouse(person: Person):
    person.desk.do("probe")
    person.mouse("LeftButtonPressEvent", MIDDLE)
    person.advance()
    person.desk.let_go()
    person.mouse("MouseMoveEvent", (MIDDLE[0] + 40, MIDDLE[1]))
    assert not person.stylus.holds and person.advance().touched is None


@pytest.fixture(scope="module")
def by_script(kept: Path, tmp_path_factory):
    """A script that pulls at the wall for some ticks, and at what there is not."""
    session = quick_session(kept, tmp_path_factory.mktemp("probe"))
    vertex = int(session.rehearsal.case.mesh.face_sets["outside"][40, 0])
    x, y, z = session.latest.vertices[vertex]
    for time_s, value in (
        (0.05, (vertex, x + 0.5, y, z)), (0.1, (vertex, x + 1.0, y, z + 0.5)), (0.25, False), (0.3, (10**7, 0.0, 0.0, 0.0)),
    ):  # fmt: skip
        session.bus.post("script", "touch", value, time_s=time_s)
    run_headless(session, until_s=0.4)
    assert session.folder is not None
    return load_recording(session.folder)


def test_a_replay_and_the_recorded_commands_give_equal_digests(by_script: Any, kept: Path, tmp_path: Path):
    assert replayed_digests(by_script, kept, tmp_path) == [row["digest"] for row in by_script.ticks]
    assert rerun(by_script.folder).equal


def test_the_recording_holds_what_was_felt(by_script: Any):
    forces = [row["senses"].get("probe", {}).get("force_n") for row in by_script.ticks]
    assert [force is not None for force in forces] == [False, True, True, True, True, False, False, False]
    assert forces[2] > forces[1] > 0.01
    assert any("The probe held the wall for 0.20 s" in words for words in by_script.events)
    assert any("no vertex 10000000 to pull" in words for words in by_script.events)


@pytest.mark.parametrize("value", [True, None, "wall", (1, 2, 3), (1, 2, 3, float("nan")), (float("inf"), 0, 0, 0)])
def test_what_is_no_touch_is_refused(value: Any, kept: Path):
    hands = Hands(quick_session(kept, None).rehearsal.case)
    with pytest.raises(InputError, match="takes a vertex and where the hand is"):
        hands.take(Event(0.0, "script", "touch", value))


def test_letting_go_of_nothing_tells_nothing():
    told = []
    Probing().take(False, 1.0, told.append)
    assert told == []


def test_a_ray_meets_the_nearest_of_some_triangles():
    import pyvista

    ball = pyvista.Sphere(radius=2.0, theta_resolution=200, phi_resolution=200)
    points, triangles = np.asarray(ball.points, float), ball.regular_faces
    drawn = np.random.default_rng(2)
    for _ in range(20):
        origin, aim = drawn.normal(size=(2, 3))
        origin *= 6.0 / np.linalg.norm(origin)
        aim *= drawn.uniform(0.0, 1.5) / np.linalg.norm(aim)
        way, which = first_hit(origin, aim - origin, points, triangles)
        along = (aim - origin) / np.linalg.norm(aim - origin)
        middle = -origin @ along
        exact = middle - np.sqrt(4.0 - (origin @ origin - middle**2))
        assert way * np.linalg.norm(aim - origin) == pytest.approx(exact, abs=5e-3)
        assert np.linalg.norm(points[triangles[which]].mean(0) - (origin + exact * along)) < 0.1
    assert first_hit(np.array([0.0, 0.0, 9.0]), np.array([0.0, 0.0, 1.0]), points, triangles) == (np.inf, -1)
