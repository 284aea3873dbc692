"""Studies run through Dask's workers: every run once, whatever happens, and one table of them."""

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from meshing.errors import InputError
from scenarios.study import Design, Study, Workplace, open_table
from scenarios.study.runs import Job, execute, key_of
from scenarios.study.scenario import FunctionScenario
from scenarios.study.store import DiskFull, Store
from tests.studies.functions import crashing, noise, noted, plane, raising

UNIFORM = {"distribution": "uniform", "low": 0.0, "high": 1.0}


def test_a_study_becomes_a_table_with_units_that_pandas_reads(tmp_path: Path, workers: Workplace):
    study = Study(plane, vary={"x": [1.0, 2.0], "word": ["a", "b"]}, measure=["x squared", "height"], fixed={"y": 0.5})
    table = study.run(tmp_path, workplace=workers)
    read = pd.read_parquet(tmp_path / "table.parquet")
    assert list(read["x"]) == [1.0, 1.0, 2.0, 2.0] and list(read["word"]) == ["a", "b", "a", "b"]
    assert list(read["height"]) == [2.5, 2.5, 4.5, 4.5] and list(read["x squared"]) == [1.0, 1.0, 4.0, 4.0]
    assert set(read["ok"]) == {True} and set(read["status"]) == {"ok"} and min(read["run_s"]) > 0.0
    schema = pq.read_schema(tmp_path / "table.parquet")
    assert schema.field("height").metadata[b"unit"] == b"mm" and schema.field("height").metadata[b"role"] == b"measure"
    assert schema.field("run_s").metadata == {b"role": b"timing", b"unit": b"s", b"definition": b"the whole run in its worker"}
    assert b"not for clinical" in schema.metadata[b"use"].lower()
    assert table.measures == ["x squared", "height"] and table.best("height", largest=True).parameters["x"] == 2.0
    pd.testing.assert_frame_equal(open_table(tmp_path).frame, read)


def test_a_second_start_does_nothing_and_a_larger_design_only_what_is_missing(tmp_path: Path, workers: Workplace):
    def executions() -> int:
        return len((tmp_path / "log").read_text().splitlines())

    def study(runs: int) -> Study:
        vary = {"x": UNIFORM}
        return Study(noted, vary=vary, fixed={"where": str(tmp_path / "log")}, design=Design(kind="sobol", runs=runs))

    first = study(8).run(tmp_path / "results", workplace=workers)
    assert executions() == 8
    # A place where no scheduler is: nothing is missing, so none is asked for.
    nowhere = Workplace(scheduler="tcp://127.0.0.1:9")
    pd.testing.assert_frame_equal(study(8).run(tmp_path / "results", workplace=nowhere).frame, first.frame)
    assert executions() == 8
    assert len(study(16).run(tmp_path / "results", workplace=workers).frame) == executions() == 16


def test_runs_that_come_to_nothing_are_rows_with_a_sentence(tmp_path: Path, workers: Workplace):
    table = Study(raising, vary={"x": [0.0, 1.0, 2.0]}).run(tmp_path, workplace=workers)
    assert list(table.frame["ok"]) == [True, False, False]
    assert list(table.frame["status"]) == ["ok", "not taken", "failed"]
    assert table.frame["reason"].to_list()[1] == "The measure value of raising is nan, not a finite number."
    assert table.frame["reason"].to_list()[2].startswith("the plane does not fly (RuntimeError). The traceback stands in ")
    log = Store(tmp_path).log_file(table.rows[2].key).read_text()
    assert "in raising" in log and "does not fly" in log
    assert np.isnan(table.frame["value"].to_numpy()[1])
    assert [int(number) for number in table.failures()["run"]] == [1, 2]
    with pytest.raises(InputError, match="is a call of the function raising"):
        table.row(0).rehearsal()


def test_a_run_that_ends_its_worker_twice_is_set_aside_with_its_log_and_the_rest_complete(tmp_path: Path):
    study = Study(crashing, vary={"x": [float(x) for x in range(12)]}, fixed={"where": str(tmp_path / "log")})
    table = study.run(tmp_path / "results", workplace=Workplace(workers=2))
    assert list(table.frame["status"]) == ["ok"] * 5 + ["set aside"] + ["ok"] * 6
    assert table.frame["reason"].tolist()[5].startswith("It ended its worker 2 times and was set aside")
    assert (tmp_path / "log").read_text().splitlines().count("5.0") == 2
    log = Store(tmp_path / "results").log_file(table.rows[5].key).read_text()
    assert log.count("attempt in") == 2 and "Fatal Python error: Segmentation fault" in log and "in crashing" in log
    again = study.run(tmp_path / "results", workplace=Workplace(scheduler="tcp://127.0.0.1:9"))
    assert list(again.frame["status"]) == list(table.frame["status"])


def test_a_random_scenario_gets_a_seed_of_its_own_for_each_run_and_the_same_one_again(tmp_path: Path, workers: Workplace):
    study = Study(noise, vary={"x": UNIFORM}, design=Design(kind="sobol", runs=8), seed=11)
    one, two = (study.run(tmp_path / name, workplace=workers).without_timings() for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two)
    assert len(set(one["value"] - one["x"])) == 8


def test_one_and_two_workers_give_tables_equal_to_the_bit(tmp_path: Path, workers: Workplace):
    study = Study(plane, vary={"x": UNIFORM, "y": UNIFORM}, design=Design(kind="latin-hypercube", runs=40))
    two = study.run(tmp_path / "two", workplace=workers).without_timings()
    one = study.run(tmp_path / "one", workplace=Workplace(workers=1)).without_timings()
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_measure_that_is_not_there_is_told_at_the_first_run(tmp_path: Path, workers: Workplace):
    study = Study(plane, vary={"x": [float(x) for x in range(300)]}, measure=["heigth"])
    with pytest.raises(InputError, match=r"There is no measure 'heigth'; the nearest are: height"):
        study.run(tmp_path, workplace=workers)
    assert len(list((tmp_path / "runs").glob("*/*.json"))) < 100


def job(folder: Path, **parameters: float | str) -> Job:
    """A run of `noted` in a folder."""
    scenario = FunctionScenario(function="tests.studies.functions:noted")
    whole = {"x": 2.0, "where": "", "pause_s": 0.0} | parameters
    return Job(key_of(whole, scenario.identity(), seed=None), scenario, whole, 0, str(folder), "session")


def test_a_run_that_has_been_done_is_not_done_again_by_a_worker_either(tmp_path: Path):
    one = job(tmp_path, where=str(tmp_path / "log"))
    assert execute(one) == execute(one)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert not Store(tmp_path).log_file(one.key).exists()


def test_half_a_result_counts_as_none(tmp_path: Path):
    one = job(tmp_path)
    execute(one)
    path = Store(tmp_path).run_file(one.key)
    path.write_text(path.read_text()[:40])
    assert execute(one)["status"] == "ok" and Store(tmp_path).finished(one.key)


def test_a_full_disk_stops_a_run_without_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    one = job(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="No space left on device"):
        execute(one)
    assert not list(tmp_path.glob("runs/*/*.json")) and not list(tmp_path.glob("runs/*/.*part"))
    monkeypatch.undo()
    assert execute(one)["status"] == "ok"


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 200 kB, where the operating system lets one be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_study_on_a_full_disk_stops_cleanly_and_goes_on_when_there_is_room(small_disk: Path, workers: Workplace):
    study = Study(noted, vary={"x": [float(x) for x in range(60)]})
    with pytest.raises(DiskFull, match="Make room and start the same command again"):
        study.run(small_disk / "results", workplace=workers)
    done = len(list((small_disk / "results" / "runs").glob("*/*.json")))
    assert 0 < done < 60
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert set(study.run(small_disk / "results", workplace=workers).frame["ok"]) == {True}
