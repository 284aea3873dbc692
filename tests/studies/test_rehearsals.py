"""A rehearsal as a scenario: real runs of a small vessel through one worker's memory, and what they share."""

from pathlib import Path

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.study import Study
from scenarios.study.rehearsals import RehearsalScenario, devices_of, settings_of, tissues_of
from scenarios.study.runs import Job, execute
from scenarios.study.store import Store

QUICK = {
    "mesh.edge_share": 0.7, "device.diameter_mm": 8.0, "device.length_mm": 15.0, "inflation.settle_s": 0.1,
    "inflation.inflate_s": 1.2, "inflation.hold_s": 0.1, "inflation.deflate_s": 0.4, "inflation.rest_s": 0.1,
}  # fmt: skip


def test_parameters_reach_tissues_devices_and_solver():
    study = Study("iliac", vary={"tissues.arterial_wall.young_modulus_pa": [7e5]}, fixed={"solver.dt_s": 0.025, **QUICK})
    parameters = study.rows([{"tissues.arterial_wall.young_modulus_pa": 7e5}])[0].parameters
    assert tissues_of(parameters)["arterial wall"].young_modulus == 7e5
    assert "set by the study" in tissues_of(parameters)["arterial wall"].source
    assert settings_of(parameters).dt == 0.025
    assert {(one.stent.diameter_mm, one.stent.length_mm) for one in devices_of(parameters)} == {(8.0, 15.0)}


def test_every_setting_of_the_solver_can_be_varied_and_keeps_its_default():
    import dataclasses

    from sim.solvers.settings import Settings

    parameters = {one.path: one.default for one in RehearsalScenario(source="iliac").parameters()}
    assert settings_of(parameters) == Settings()
    assert sum(path.startswith("solver.") for path in parameters) == len(dataclasses.fields(Settings))


@pytest.mark.slow
def test_runs_of_one_case_share_what_they_can_and_compile_nothing_twice(tmp_path: Path):
    from taichi.lang.kernel_impl import Kernel

    asked, compiled, whole = [0], [0], Kernel.materialize

    def materialize(self, *rest, **named):
        before = len(self.compiled_kernels)
        done = whole(self, *rest, **named)
        asked[0] += 1
        compiled[0] += len(self.compiled_kernels) - before
        return done

    Kernel.materialize = materialize
    try:
        study = Study("iliac", vary={"inflation.pressure_atm": [5.0, 5.5, 20.0]}, fixed=QUICK, keep_fields=True)
        counts, rows = [], study.rows(study.design.points(study.vary, seed=0))
        for row in rows:
            execute(Job(row.key, study.scenario, row.parameters, row.seed, str(tmp_path), "session", keep=True))
            counts.append(compiled[0])
    finally:
        Kernel.materialize = whole
    first, second, third = (Store(tmp_path).finished(row.key) or {} for row in rows)
    assert asked[0] > 0, "no kernel was looked at: Taichi compiles by another way now"
    assert counts[1] == counts[0] == counts[2]
    assert second["setup_s"] < 0.2 * first["setup_s"]
    assert third["status"] == "not taken" and "rated before it may burst" in third["reason"]
    area = [dict((name, value) for name, value, *_ in one["readings"])["minimum lumen area after"] for one in (first, second)]
    assert np.isfinite(area).all() and area[1] > area[0]
    assert len(list((tmp_path / "shared").glob("unloaded-*.npz"))) == 1
    study._claim(Store(tmp_path))
    from scenarios.study import open_table

    table = open_table(tmp_path)
    assert (tmp_path / "fields" / rows[0].key / "wall.vtu").is_file()
    best = table.best("minimum lumen area after", largest=True)
    assert best.number == 1 and best.rehearsal().header["complete"]
    with pytest.raises(InputError, match="Run 2 came to nothing"):
        table.row(2).rehearsal()
