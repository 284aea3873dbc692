"""A made-up rehearsal: shapes by formula and no mechanics, so that pictures and pages can be tried without a solver."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from types import SimpleNamespace

import numpy as np

from meshing.centrelines import Path
from meshing.tetmesh import TetMesh, tet_volumes
from scenarios.balloon_shape import BalloonShape

AROUND, ALONG, LAYERS = 36, 60, 4
LENGTH_MM, RADIUS_MM, WALL_MM = 60.0, 4.0, 1.0
MIDDLE_MM, STENT_MM, STRUT_MM = 32.0, 24.0, 0.09
CROWNS, RINGS = 8, 7
PHASES = ("before", "inflating", "inflating", "inflated", "deflating", "after")
OPENING = (0.0, 0.3, 0.7, 1.0, 0.9, 0.88)
INFLATION = (0.0, 0.3, 0.7, 1.0, 0.4, 0.0)


def vessel_path() -> Path:
    """Give a gently bent centreline that runs down the patient."""
    s = np.linspace(0.0, LENGTH_MM, 121)
    points = np.column_stack([6 * np.sin(s / 28), 4 * np.sin(s / 40) ** 2, -s])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return Path(points, tangents, np.full(len(s), RADIUS_MM), np.concatenate([[0.0], np.cumsum(steps)]))


def plaque_mm(angle: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Give the thickness of the plaque [mm]: eccentric, and thickest in the middle."""
    return 0.12 + 3.6 * np.exp(-(((station - MIDDLE_MM) / 7) ** 2)) * (0.5 + 0.5 * np.cos(angle)) ** 0.8


def placed(path: Path, angle: np.ndarray, station: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Place polar positions about the centreline in space, (…, 3) [mm]."""
    centre, tangent, _ = path.at(station.ravel())
    across = np.cross(tangent, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    over = np.cross(tangent, across)
    a, r = angle.ravel()[:, None], radius.ravel()[:, None]
    return (centre + r * (np.cos(a) * across + np.sin(a) * over)).reshape(*angle.shape, 3)


def balloon_radii(stations: np.ndarray, opening: float) -> np.ndarray:
    """Give the balloon's outer radius at stations [mm], 0 away from it."""
    inside = np.clip((STENT_MM / 2 + 3 - np.abs(stations - MIDDLE_MM)) / 2, 0, 1)
    return np.where(opening > 0, (0.7 + 3.1 * opening) * np.sqrt(inside), 0.0)


def wall_vertices(path: Path, opening: float) -> np.ndarray:
    """Give the wall's vertices, pushed aside where the balloon opened the lumen [mm]."""
    angle, station = np.meshgrid(np.arange(AROUND) * 2 * np.pi / AROUND, np.linspace(0, path.length, ALONG), indexing="ij")
    lumen = RADIUS_MM - plaque_mm(angle, station)
    pushed = np.maximum(lumen, np.minimum(balloon_radii(station, opening) + 0.1, RADIUS_MM + 0.4))
    grown = np.sqrt(RADIUS_MM**2 + pushed**2 - lumen**2)
    outer = np.sqrt((RADIUS_MM + WALL_MM) ** 2 + pushed**2 - lumen**2)
    shells = (pushed, (pushed + grown) / 2, grown, (grown + outer) / 2, outer)
    return np.stack([placed(path, angle, station, radius) for radius in shells], axis=2).reshape(-1, 3)


def wall_mesh(path: Path) -> TetMesh:
    """Build a stenosed tube: artery, plaque and a piece of calcium."""
    vertices = wall_vertices(path, 0.0)
    number = np.arange(AROUND * ALONG * (LAYERS + 1)).reshape(AROUND, ALONG, LAYERS + 1)
    number = np.concatenate([number, number[:1]])
    i, j, k = np.meshgrid(np.arange(AROUND), np.arange(ALONG - 1), np.arange(LAYERS), indexing="ij")
    corner = [number[i + a, j + b, k + c].ravel() for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    ways = ((1, 3), (3, 2), (2, 6), (6, 4), (4, 5), (5, 1))
    tets = np.concatenate([np.column_stack([corner[0], corner[a], corner[b], corner[7]]) for a, b in ways])
    flip = tet_volumes(vertices, tets) < 0
    tets[flip] = tets[flip][:, [1, 0, 2, 3]]
    layer = np.tile(k.ravel(), len(ways))
    angle, station = np.tile(i.ravel(), len(ways)) * 2 * np.pi / AROUND, np.tile(j.ravel(), len(ways)) * path.length / ALONG
    labels = np.where(layer >= 2, 1, 2)
    labels[(layer == 1) & (np.abs(station - MIDDLE_MM) < 6) & (np.cos(angle) > 0.6)] = 3
    quad = lambda layer: (number[:-1, :-1, layer], number[1:, :-1, layer], number[1:, 1:, layer], number[:-1, 1:, layer])  # noqa: E731
    faces = {}
    for name, which, order in (("lumen", 0, (0, 1, 2, 3)), ("outside", LAYERS, (0, 3, 2, 1))):
        a, b, c, d = (quad(which)[m].ravel() for m in order)
        faces[name] = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    names = {1: "arterial wall", 2: "plaque", 3: "calcified plaque"}
    return TetMesh(vertices, tets.astype(np.int32), labels, names, face_sets=faces)


def lattice_nodes(path: Path, opening: float) -> np.ndarray:
    """Give the stent's nodes, rings of crowns end to end [mm]."""
    ring, node = np.meshgrid(np.arange(RINGS), np.arange(2 * CROWNS), indexing="ij")
    pitch = STENT_MM / RINGS
    station = MIDDLE_MM - STENT_MM / 2 + pitch * (ring + 0.5) + np.where(node % 2, 0.42, -0.42) * pitch
    return placed(path, np.pi * node / CROWNS, station, np.full(ring.shape, 0.8 + 3.1 * opening)).reshape(-1, 3)


def lattice_struts() -> np.ndarray:
    """Give the node pairs of the stent's struts: zigzag rings joined by bridges."""
    around = 2 * CROWNS
    rings = [(r * around + n, r * around + (n + 1) % around) for r in range(RINGS) for n in range(around)]
    bridges = [(r * around + n, (r + 1) * around + n - 1) for r in range(RINGS - 1) for n in range(1, around, 4)]
    return np.array(rings + bridges)


@dataclass
class MadeUpRecording:
    """What `scenarios.recording.Recording` offers, made up."""

    folder: FilePath
    case: SimpleNamespace
    header: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ticks = [{"tick": 10 * number, "time_s": 0.1 * number} for number in range(len(PHASES))]
        self.frame_ticks = [10 * number for number in range(len(PHASES))]

    def frame(self, index: int) -> SimpleNamespace:
        """Give one sampled state."""
        path, mesh, number = self.case.path, self.case.mesh, index % len(PHASES)
        vertices = wall_vertices(path, OPENING[number])
        moved = np.linalg.norm(vertices - mesh.vertices, axis=1)[mesh.tets].mean(axis=1)
        return SimpleNamespace(
            tick=self.frame_ticks[number],
            time_s=0.1 * number,
            phase=PHASES[number],
            vertices=vertices,
            device=lattice_nodes(path, OPENING[number]),
            balloon=BalloonShape(self.case.balloon_axis, balloon_radii(self.case.balloon_stations, INFLATION[number])),
            balloon_pressure_atm=8.0 * INFLATION[number],
            stress=12.0 + 90.0 * moved,
            contact_force=np.zeros(1),
            sheath_mm=None,
            waiting=(),
            lines={},
        )

    def frame_of_phase(self, phase: str) -> SimpleNamespace:
        """Give the last sampled state of a phase."""
        return self.frame(max(number for number, name in enumerate(PHASES) if name == phase))


def made_up_recording(folder: FilePath) -> MadeUpRecording:
    """Make a rehearsal up."""
    path = vessel_path()
    stations = np.linspace(MIDDLE_MM - STENT_MM / 2 - 3, MIDDLE_MM + STENT_MM / 2 + 3, 60)
    lattice = SimpleNamespace(
        nodes=lattice_nodes(path, 0.0), bars=lattice_struts(), half_thickness_mm=STRUT_MM, fabric=np.zeros((0, 3), int)
    )
    side = np.sqrt(np.pi) * STRUT_MM
    alloy = SimpleNamespace(name="cobalt-chromium L605")
    design = SimpleNamespace(strut_width_mm=side, strut_thickness_mm=side, alloy=alloy)
    case = SimpleNamespace(
        name="made up",
        mesh=wall_mesh(path),
        path=path,
        station_mm=MIDDLE_MM,
        stents=(SimpleNamespace(lattice=lattice, stent=design),),
        first_nodes=np.array([0, len(lattice.nodes)]),
        lattice=lattice,
        balloon_axis=path.at(stations)[0],
        balloon_stations=stations,
        sheathed=None,
        over=None,
        notes=("The narrowest place is 32.0 mm along the centreline.",),
    )
    return MadeUpRecording(folder, case)


def made_up_profiles() -> Iterator[tuple[str, SimpleNamespace]]:
    """Make up the lumen's size along the centreline, by phase."""
    station = np.linspace(0, LENGTH_MM, 80)
    around = np.arange(AROUND) * 2 * np.pi / AROUND
    for phase in ("before", "inflated", "after"):
        opening = OPENING[PHASES.index(phase)]
        lumen = RADIUS_MM - plaque_mm(around[None], station[:, None])
        radius = np.maximum(lumen, np.minimum(balloon_radii(station, opening) + 0.1, RADIUS_MM + 0.4)[:, None])
        chord = radius + np.roll(radius, AROUND // 2, axis=1)
        area = (radius**2).mean(axis=1) * np.pi
        yield phase, SimpleNamespace(stations=station, area=area, min_diameter=chord.min(axis=1), max_diameter=chord.max(axis=1))


def made_up_outcome() -> SimpleNamespace:
    """Make up what was measured."""
    rows = (
        ("minimum lumen diameter before", 4.28, "mm"),
        ("minimum lumen diameter after", 7.0, "mm"),
        ("residual diameter stenosis", 12.5, "%"),
        ("recoil", 4.1, "%"),
        ("wall stress, 99th percentile", 212.0, "kPa"),
    )
    measures = tuple(
        SimpleNamespace(name=name, value=value, unit=unit, definition="Made up for a test.", source="none", note="")
        for name, value, unit in rows
    )
    outcome = SimpleNamespace(
        measures=measures,
        profiles=dict(made_up_profiles()),
        input={"path": "made-up.nii.gz", "sha256": "0123456789abcdef" * 4, "labels": ["1"], "notes": []},
        mesh={"tet_count": 50976, "vertex_count": 10800, "inverted_count": 0, "min_scaled_jacobian": 0.12},
        run={
            "backend": "cpu",
            "dt_s": 0.001,
            "tick_count": 60,
            "digest": "feed",
            "versions": {"python": "3.11", "taichi": "1.7.4"},
        },
        notes=("The narrowest place is 32.0 mm along the centreline.", "<b>Not</b> markup."),
    )
    outcome.save = lambda path: path.write_text("{}")
    return outcome
