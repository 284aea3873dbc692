"""Workers as jobs of a batch system: the jobs are submitted with the system's own command, here one that runs them at once."""

import os
import stat
from pathlib import Path

import pytest

from scenarios.study import Study, Workplace
from tests.studies.functions import plane

pytest.importorskip("dask_jobqueue", reason="the extra `cluster` is not installed")

SUBMIT = """#!/bin/sh
for file; do :; done
cp "$file" "$(dirname "$0")/job.sh"
setsid sh "$(dirname "$0")/job.sh" >/dev/null 2>&1 &
echo "$!" > "$(dirname "$0")/pid"
echo "Submitted batch job $!"
"""
CANCEL = """#!/bin/sh
kill "$1"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "submit", "cancel", "mark"), [("slurm", "sbatch", "scancel", "#SBATCH"), ("pbs", "qsub", "qdel", "#PBS")]
)
def test_workers_started_by_a_batch_system_do_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, submit: str, cancel: str, mark: str
):
    programs = tmp_path / "bin"
    programs.mkdir()
    for word, text in ((submit, SUBMIT), (cancel, CANCEL)):
        (programs / word).write_text(text)
        (programs / word).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    study = Study(plane, vary={"x": [1.0, 2.0, 3.0]}, cluster={"walltime": "00:10:00", "queue": "short"})
    place = Workplace(workers=1, cluster=name, cluster_options={**study.cluster, "interface": "lo"})
    assert set(study.run(tmp_path / "results", workplace=place).frame["status"]) == {"ok"}
    job = (programs / "job.sh").read_text()
    assert job.count(mark) >= 3 and "short" in job and "distributed.cli.dask_worker" in job
