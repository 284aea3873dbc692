"""`vesalius study` as a person meets it: one command, a table and a report; sentences and exit statuses where it cannot."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from scenarios.study.engine import Tally
from viewer.study_progress import duration, study_progress, words_of

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
name = "a plane"
measure = ["height", "x squared"]
[scenario]
kind = "function"
function = "tests.studies.functions:plane"
[vary]
x = { distribution = "uniform", low = 0, high = 2 }
y = [0.0, 1.0]
word = ["a", "b"]
[design]
kind = "factorial"
runs = 8
[[questions]]
measure = "height"
at_most = 2.5
[[goals]]
measure = "height"
best = "smallest"
[[goals]]
measure = "x squared"
best = "largest"
"""
SLOW = """
[scenario]
kind = "function"
function = "tests.studies.functions:noted"
[fixed]
where = "{log}"
pause_s = 0.3
[vary]
x = {{ distribution = "uniform", low = 0, high = 1 }}
[design]
kind = "sobol"
runs = 24
"""


def vesalius(*arguments: object, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "viewer.cli", "study", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, env=environment)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A study that was run by one command, and what it printed."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.toml").write_text(STUDY)
    run = vesalius(folder / "study.toml", "-o", folder / "results", "--workers", 2)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_one_command_gives_table_provenance_and_report(done):
    folder, said = done
    results = folder / "results"
    assert len(pd.read_parquet(results / "table.parquet")) == 32
    assert re.search(r"Study: 32 of 32 runs, [\d,]+ an hour", said) and "Dashboard: http" in said and "Runs: 32 ok." in said
    page = (results / "report.html").read_text()
    assert page.count("data:image/png") == 10 and "Research and education only" in page and "recommend" not in page
    about = json.loads((results / "provenance.json").read_text())
    assert about["runs"] == {"ok": 32} and about["versions"]["distributed"] and about["scenario"]["source"] and about["commit"]


def test_a_second_start_says_that_all_was_done_before(done):
    folder, _ = done
    run = vesalius(folder / "study.toml", "-o", folder / "results", "--no-report")
    assert run.returncode == 0 and "32 of 32 runs, 32 done before" in run.stdout and "Dashboard" not in run.stdout


@pytest.mark.slow
def test_the_report_is_written_again_from_the_folder(done):
    folder, _ = done
    (folder / "results" / "report.html").unlink()
    assert vesalius("report", folder / "results").returncode == 0
    assert (folder / "results" / "report.html").is_file()


def test_a_function_has_nothing_to_open(done):
    folder, _ = done
    run = vesalius("open", folder / "results", "--largest", "height")
    assert run.returncode == 2 and "there is nothing to look at" in run.stderr
    run = vesalius("open", folder / "results")
    assert run.returncode == 2 and "--row, --largest and --smallest" in run.stderr


def test_the_schema_knows_every_entry():
    schema = json.loads(vesalius("schema").stdout)
    assert {"scenario", "vary", "design", "questions", "goals", "converge"} <= set(schema["properties"])


def test_parameters_are_listed_with_units():
    said = vesalius("parameters", "iliac").stdout
    assert "placement.offset_mm" in said and "tissues.arterial_wall.young_modulus_pa" in said and "100000 to 3e+06" in said


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ("x = {", (), "There is no parameter 'z', named in vary; there are: count, word, x, y."),
        (None, ("--limit", 31), "The design has 32 runs, more than the limit of 31; vary less, or allow it with --limit 32."),
        (None, ("--scheduler", "tcp://127.0.0.1:9", "--workers", 2), "leave --workers and --cluster out"),
        (None, ("--cluster", "lsf"), "There is no way to start workers on 'lsf'; there are: slurm, pbs."),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, change, options, said):
    (tmp_path / "study.toml").write_text(STUDY if change is None else STUDY.replace(change, "z = {"))
    run = vesalius(tmp_path / "study.toml", "-o", tmp_path / "results", *options)
    assert run.returncode == 2 and said in run.stderr and len(run.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_study_that_is_interrupted_keeps_what_was_done_and_goes_on(tmp_path: Path):
    log = tmp_path / "log"
    (tmp_path / "study.toml").write_text(SLOW.format(log=log))
    command = [
        sys.executable,
        "-m",
        "viewer.cli",
        "study",
        str(tmp_path / "study.toml"),
        "-o",
        str(tmp_path / "results"),
        "--workers",
        "2",
    ]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    began = time.monotonic()
    while not (log.is_file() and len(log.read_text().splitlines()) >= 6) and time.monotonic() - began < 60:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130 and "start the same command again" in error
    kept = len(list((tmp_path / "results" / "runs").glob("*/*.json")))
    assert 4 <= kept < 24
    assert vesalius(tmp_path / "study.toml", "-o", tmp_path / "results", "--workers", 2, "--no-report").returncode == 0
    # Those in flight when it stopped, one a worker, may have been begun twice.
    assert 24 <= len(log.read_text().splitlines()) <= 24 + 2


def test_progress_says_rate_time_left_failures_and_workers():
    tally = Tally(total=200, done=50, found=10, not_ok=3, workers=2, started=time.monotonic() - 100.0)
    assert re.fullmatch(r"50 of 200 runs, 1,4[34]\d an hour, 6 min left, 2 workers, 3 not ok", words_of(tally))
    assert "waiting for workers" in words_of(Tally(total=5))
    assert [duration(seconds) for seconds in (12.4, 600.0, 9000.0)] == ["12 s", "10 min", "2.5 h"]


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end():
    out = io.StringIO()
    with study_progress(Console(file=out, width=200)) as tell:
        for number in range(101):
            tell(Tally(total=100, done=number))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 and lines[-1].startswith("Study: 100 of 100 runs")


def test_a_terminal_gets_a_bar_and_the_dashboard_once():
    out = io.StringIO()
    with study_progress(Console(file=out, force_terminal=True, width=200)) as tell:
        for number in range(3):
            tell(Tally(total=3, done=number, dashboard="http://here", not_ok=number, workers=1))
    assert out.getvalue().count("Dashboard: http://here") == 1 and "2 not ok" in out.getvalue()
