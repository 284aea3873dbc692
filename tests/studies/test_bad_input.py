"""What a person is told when a study cannot be run: one sentence that says what, which, its value and what to do."""

import multiprocessing
from pathlib import Path

import pytest

from meshing.errors import InputError
from scenarios.study import Design, Study, Workplace, open_table, read_study
from scenarios.study.rehearsals import RehearsalScenario
from scenarios.study.store import Store
from tests.studies.functions import plane

FUNCTION = '[scenario]\nkind = "function"\nfunction = "tests.studies.functions:plane"\n'


def write(folder: Path, text: str) -> Path:
    """Write a study file."""
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name = ", "is not TOML"),
        (FUNCTION + "[vari]\nx = [1]\n", "vari is not a known entry"),
        (FUNCTION + "[vary]\nx = []\n", "the list is empty"),
        (FUNCTION + "[vary]\nx = [1, 1.0]\n", "a value stands twice"),
        (FUNCTION + '[vary]\nx = {distribution = "uniform", low = 2, high = 1}\n', "low must be below high"),
        (FUNCTION + '[vary]\nx = {distribution = "unifrom", low = 2, high = 1}\n', "give a list of values, or a distribution"),
        (FUNCTION + "[vary]\nx = [1]\n[design]\nruns = 0\n", "design → runs is 0"),
        (FUNCTION + '[vary]\nx = [1]\n[[questions]]\nmeasure = "height"\n', "one threshold"),
        ('[scenario]\nkind = "other"\n', "other"),
        ("[vary]\nx = [1]\n", "scenario is missing"),
    ],
)
def test_a_study_file_that_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(InputError) as told:
        read_study(write(tmp_path, text))
    assert said in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"vary": {"device.diametre_mm": [7]}, "scenario": "iliac"}, "nearest are: device.diameter_mm"),
        ({"vary": {"young_modulus_pa": [6e5]}, "scenario": "iliac"}, "tissues.arterial_wall.young_modulus_pa"),
        ({"vary": {"device.diameter_mm": [7.3]}, "scenario": "iliac"}, "No device has device.diameter_mm = 7.3; there are: 2.5"),
        ({"vary": {"tissues.arterial_wall.young_modulus_pa": [6.0]}, "scenario": "iliac"}, "is 6, outside its range of 100000"),
        ({"vary": {"solver.newton_limit": [0.5]}, "scenario": "iliac"}, "takes a whole number"),
        ({"vary": {"device.family": [3]}, "scenario": "iliac"}, "takes a word"),
        ({"vary": {"x": [1.0]}, "fixed": {"x": 2.0}, "scenario": plane}, "both varied and fixed"),
        ({"vary": {"x": [1.0]}, "fixed": {"z": 2.0}, "scenario": plane}, "no parameter 'z', named in fixed"),
        ({"vary": {}, "scenario": plane}, "varies nothing"),
        ({"vary": {"x": [1.0]}, "scenario": "no-such-case.nii.gz"}, "no-such-case"),
        ({"vary": {"x": [1.0]}, "scenario": {"kind": "function", "function": "nowhere:f"}}, "'nowhere'"),
        ({"vary": {"x": [1.0]}, "scenario": {"kind": "function", "function": "math:squareroot"}}, "no function 'squareroot'"),
        (
            {"vary": {"x": list(range(200)), "y": list(range(100))}, "scenario": plane},
            "20,000 runs, more than the limit",
        ),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_before_anything_starts(tmp_path: Path, study: dict, said: str):
    with pytest.raises(InputError) as told:
        Study(**study).run(tmp_path / "results")
    assert said in str(told.value) and "\n" not in str(told.value)
    assert not (tmp_path / "results").exists()


def test_a_folder_of_another_study_is_refused(tmp_path: Path):
    store = Store(tmp_path)
    with store.owned():
        Study(plane, name="first", vary={"x": [1.0]})._claim(store)
        Study(plane, name="second", vary={"x": [1.0]}, design=Design(runs=99))._claim(store)
        with pytest.raises(InputError, match="holds another study, 'second': its vary is different"):
            Study(plane, vary={"x": [2.0]})._claim(store)


def test_a_folder_of_a_rehearsal_is_refused(tmp_path: Path):
    (tmp_path / "recording").mkdir()
    with pytest.raises(InputError, match=r"holds other results \(recording\)"):
        Study(plane, vary={"x": [1.0]}).run(tmp_path)


def test_a_folder_without_a_study_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="holds no study"):
        open_table(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "results").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        Study(plane, vary={"x": [1.0]}).run(tmp_path / "results")


def hold(folder: str, held, release) -> None:
    """Hold a folder until told to let go."""
    with Store(Path(folder)).owned():
        held.set()
        release.wait(60)


def test_two_clients_on_one_folder_are_told_apart_and_a_dead_one_lets_go(tmp_path: Path):
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(str(tmp_path), held, release))
    other.start()
    assert held.wait(60)
    with pytest.raises(InputError, match=rf"Another client \(process {other.pid} on .*\) is at work in"):
        Study(plane, vary={"x": [1.0]}).run(tmp_path)
    other.kill()
    other.join(60)
    with Store(tmp_path).owned():
        pass


def test_an_unreachable_scheduler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("scenarios.study.engine.CONNECT_S", 1.0)
    with pytest.raises(InputError, match=r"The scheduler tcp://127\.0\.0\.1:9 does not answer"):
        Study(plane, vary={"x": [1.0]}).run(tmp_path, workplace=Workplace(scheduler="tcp://127.0.0.1:9"))


def test_a_rehearsal_knows_its_parameters_by_dotted_paths_with_units():
    paths = {one.path: one for one in RehearsalScenario(source="iliac").parameters()}
    assert paths["tissues.arterial_wall.young_modulus_pa"].unit == "Pa"
    assert paths["solver.dt_s"].default == pytest.approx(0.05) and paths["solver.newton_limit"].whole
    assert {"device.length_mm", "placement.offset_mm", "inflation.pressure_atm", "mesh.edge_share"} <= set(paths)
