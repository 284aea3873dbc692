"""A rehearsal from start to end: recorded, played, run again to the same bits, and kept whatever stops it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.case import load_case
from scenarios.expert import ExpertRecord
from scenarios.outcome import assess
from scenarios.procedure import procedure_of
from scenarios.recording import Recording, load_recording
from scenarios.rehearsal import Rehearsal, rehearse, rerun
from scenarios.stored_cases import case_names, find_case
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import DivergedError, Settings
from sim.state import State
from tests.scenarios.small_case import short_procedure, small_case


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """One short rehearsal, shared by the tests that only read it."""
    case = small_case()
    return rehearse(case, tmp_path_factory.mktemp("small"), backend_name="cpu", procedure=short_procedure(case))


def test_every_tick_is_recorded_with_its_command_and_digest(recorded: Recording):
    assert [row["tick"] for row in recorded.ticks] == list(range(1, 21))
    phases = ["before", "inflating", "inflated", "deflating", "after"]
    assert list(dict.fromkeys(row["phase"] for row in recorded.ticks)) == phases
    assert len({row["digest"] for row in recorded.ticks}) == 20
    assert recorded.header["complete"] is True
    assert recorded.header["run"]["digest"] == recorded.ticks[-1]["digest"]
    assert recorded.header["run"]["backend"] == "cpu"


def test_the_stent_opens_the_vessel_recoils_and_stays_inside_the_wall(recorded: Recording):
    def opening(phase: str) -> float:
        return float(np.linalg.norm(recorded.frame_of_phase(phase).device[:, :2], axis=1).mean())

    crimped, inflated, after = (opening(phase) for phase in ("before", "inflated", "after"))
    assert crimped < 0.7 < 1.5 < after < inflated
    half_thickness = recorded.case.lattice.half_thickness_mm
    assert all(row["deepest"] * 1e3 < half_thickness for row in recorded.ticks)


def test_pressure_on_the_unloaded_shape_gives_back_the_image(recorded: Recording):
    before = recorded.frame_of_phase("before")
    assert np.abs(before.vertices - recorded.case.mesh.vertices).max() < 0.06
    assert np.linalg.norm(recorded.body.vertices * 1e3 - recorded.case.mesh.vertices, axis=1).max() > 0.05


def test_the_experts_figures_are_those_that_a_rehearsal_measures(recorded: Recording):
    measured = {one.name for one in assess(recorded).measures}
    for name in case_names():
        kept = ExpertRecord.load(find_case(name).expert_path)
        told = {one.name for one in kept.ranges}
        assert told == measured, f"{name}: record the expert's runs again with `vesalius cases record {name} -o folder`"


@pytest.mark.slow
def test_a_rerun_is_equal_to_the_bit_twice(recorded: Recording):
    for _ in range(2):
        result = rerun(recorded.folder)
        assert result.equal and result.first_difference_tick is None and result.ticks == 20


def test_a_rerun_tells_where_a_recording_was_tampered_with(recorded: Recording, tmp_path: Path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(recorded.folder, copy)
    lines = (copy / "recording" / "ticks.jsonl").read_text().splitlines()
    row = json.loads(lines[8])
    row["command"]["balloons"]["balloon"] *= 1.001
    lines[8] = json.dumps(row)
    (copy / "recording" / "ticks.jsonl").write_text("\n".join(lines) + "\n")
    result = rerun(copy)
    assert not result.equal and result.first_difference_tick == 9


def test_a_recording_of_an_engine_with_other_settings_is_played_but_not_run_again(recorded: Recording, tmp_path: Path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(recorded.folder, copy)
    path = copy / "recording" / "header.json"
    header = json.loads(path.read_text())
    header["settings"] = {"slip_bound": 5e-6, "dt": header["settings"]["dt"]}
    path.write_text(json.dumps(header))
    assert np.array_equal(load_recording(copy).frame(-1).vertices, recorded.frame(-1).vertices)
    with pytest.raises(InputError, match=r"took slip_bound, .*; it can be played, but not run again"):
        rerun(copy)


CONTINUE = """
import sys
from pathlib import Path
from scenarios.recording import load_recording
from scenarios.rehearsal import Rehearsal
from sim import backend
from sim.state import State
backend.start("cpu")
folder, state = Path(sys.argv[1]), Path(sys.argv[2])
rehearsal = Rehearsal.from_recording(load_recording(folder))
rehearsal.state = State.load(state)
while rehearsal.state.tick < 20:
    rehearsal.advance()
print(rehearsal.state.digest())
"""


def test_stop_copy_and_continue_in_a_fresh_process_equals_the_straight_run(recorded: Recording, tmp_path: Path):
    rehearsal = Rehearsal.from_recording(recorded)
    while rehearsal.state.tick < 11:
        rehearsal.advance()
    rehearsal.state.copy().save(tmp_path / "state.npz")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CONTINUE, str(recorded.folder), str(tmp_path / "state.npz")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split()[-1] == recorded.ticks[-1]["digest"]


def test_a_fresh_solver_goes_on_as_the_old_one(recorded: Recording, tmp_path: Path):
    rehearsal = Rehearsal.from_recording(recorded)
    while rehearsal.state.tick < 20:
        if rehearsal.state.tick == 9:
            rehearsal.solver = ImplicitSolver(rehearsal.model, rehearsal.solver.settings)
        rehearsal.advance()
    assert rehearsal.state.digest() == recorded.ticks[-1]["digest"]
    rehearsal.state.save(tmp_path / "state.npz")
    assert State.load(tmp_path / "state.npz").digest() == rehearsal.state.digest()


def test_an_interrupted_run_keeps_what_was_recorded(tmp_path: Path):
    def stop_at_half(fraction: float, text: str) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    case = small_case()
    with pytest.raises(KeyboardInterrupt):
        rehearse(case, tmp_path, backend_name="cpu", procedure=short_procedure(case), progress=stop_at_half)
    kept = load_recording(tmp_path)
    assert 5 < len(kept.ticks) < 20 and kept.header["complete"] is False
    assert np.isfinite(kept.frame(-1).vertices).all()


def test_half_a_line_at_the_end_of_a_killed_run_is_left_out(recorded: Recording, tmp_path: Path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(recorded.folder, copy)
    path = copy / "recording" / "ticks.jsonl"
    path.write_text(path.read_text()[:-40])
    assert [row["tick"] for row in load_recording(copy).ticks] == list(range(1, 20))


def test_a_run_that_diverges_says_where_and_keeps_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    case = small_case()
    spoil = ImplicitSolver._line_search

    def burst(self: ImplicitSolver, state: State, *rest: object) -> object:
        if state.tick == 6:
            displacement = state.displacement.to_numpy()
            displacement[self.model.body.tets[40][0]] += 5e-3
            state.displacement.from_numpy(displacement)
        return spoil(self, state, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(ImplicitSolver, "_line_search", burst)
    with pytest.raises(DivergedError, match=r"diverged at tick 7: .*tet \d+ at .* mm has J = "):
        rehearse(
            case, tmp_path, backend_name="cpu", procedure=short_procedure(case),
            settings=Settings(newton_limit=1, multiplier_rounds=1),
        )  # fmt: skip
    assert len(load_recording(tmp_path).ticks) == 6


def test_a_case_comes_back_from_disk_as_it_was(recorded: Recording):
    again = load_case(recorded.folder / "recording" / "case")
    case = recorded.case
    assert np.array_equal(again.mesh.vertices, small_case().mesh.vertices)
    assert again.device == case.device and dict(again.tissues) == dict(case.tissues)
    assert np.array_equal(again.lattice.nodes, case.lattice.nodes) and np.array_equal(again.path.points, case.path.points)


def test_a_folder_that_holds_a_run_is_not_written_over(recorded: Recording):
    with pytest.raises(InputError, match="already holds a recording"):
        rehearse(small_case(), recorded.folder, backend_name="cpu", procedure=short_procedure(recorded.case))


def test_a_folder_without_a_recording_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="holds no recording"):
        load_recording(tmp_path)


def test_a_stent_longer_than_the_vessel_is_refused():
    with pytest.raises(InputError, match=r"would reach from -\d"):
        small_case(at_mm=2.0)


def test_a_pressure_that_is_none_is_refused():
    with pytest.raises(InputError, match="above zero"):
        procedure_of(small_case(), pressure_atm=-1.0)
