"""A small case, a short narrowed tube with a small stent, on which a whole rehearsal takes seconds."""

import numpy as np

from meshing.centrelines import Path
from meshing.tetmesh import TetMesh
from scenarios.case import Case
from scenarios.catalogue import find
from scenarios.devices.lattice import place
from scenarios.devices.several import Placed
from scenarios.procedure import Procedure, procedure_of
from scenarios.tissues import find_tissue
from tests.sim.tubes import stenosed, tube

LENGTH_MM = 24.0
HEALTHY_MM, NARROWEST_MM = 2.0, 1.4
PRESSURE_PA = 12e3


def small_mesh() -> TetMesh:
    """A tube of 4 mm bore narrowed to 2.8 mm, wall 0.6 mm, about the z axis."""
    bore = stenosed(healthy=HEALTHY_MM, narrowest=NARROWEST_MM, middle=0.5 * LENGTH_MM, half_length=5.0)
    grid = tube(bore=bore, outer=lambda z: np.full(z.shape, HEALTHY_MM + 0.6), length=LENGTH_MM, around=16, through=2, along=24)
    faces = {
        "lumen": grid.faces(2, 0)[:, ::-1],
        "outside": grid.faces(2, 1)[:, ::-1],
        "end 0": grid.faces(0, 0)[:, ::-1],
        "end 1": grid.faces(0, 1)[:, ::-1],
    }
    labels = np.ones(len(grid.tets), np.int32)
    return TetMesh(grid.vertices, grid.tets.astype(np.int32), labels, {1: "arterial wall"}, face_sets=faces)


def placed(path: Path, at_mm: float, *, pressure_atm: float | None = None) -> Placed:
    """A 4 × 8 mm stent with its middle at a station of the tube [mm]."""
    device = find("coronary thin-strut 4x8")
    lattice = place(device.stent, path, station_mm=at_mm)
    return Placed(device, lattice, path.at(np.linspace(at_mm - 5.0, at_mm + 5.0, 41))[0], at_mm, pressure_atm=pressure_atm)


def small_case(*, at_mm: float = 0.5 * LENGTH_MM) -> Case:
    """The case: a 4 × 8 mm stent in the middle of the tube."""
    stations = np.linspace(0.0, LENGTH_MM, 97)
    points = np.stack([np.zeros(97), np.zeros(97), stations], 1)
    bore = stenosed(healthy=HEALTHY_MM, narrowest=NARROWEST_MM, middle=0.5 * LENGTH_MM, half_length=5.0)
    path = Path(points=points, tangents=np.tile([0.0, 0.0, 1.0], (97, 1)), radii=bore(stations), stations=stations)
    return Case(
        name="small",
        mesh=small_mesh(),
        path=path,
        tissues={1: find_tissue("arterial wall")},
        stents=(placed(path, at_mm),),
        blood_pressure_pa=PRESSURE_PA,
        notes=("A small tube.",),
        source={"input": {"path": "small", "sha256": "0" * 64}, "mesh": {"tet_count": 4608}},
    )


def short_procedure(case: Case) -> Procedure:
    """A quick inflation, 20 ticks in all."""
    return procedure_of(case, settle_s=0.1, inflate_s=0.5, hold_s=0.1, deflate_s=0.2, rest_s=0.1)
