"""Geometry alone: a stent opened to a diameter in a vessel, the wall moved out of its way, and no forces solved.

Within a second it shows where a stent of a size would come to lie. It knows neither recoil nor stress: what a vessel would
not let happen happens here all the same. The idea is that of SDFStent (arXiv 2605.22009).
"""

import dataclasses
import hashlib
import json
import time
from pathlib import Path as FilePath

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.tetmesh import tet_volumes
from scenarios.case import MMHG, Case
from scenarios.devices.lattice import along_lattice, around_path, crowns_at, frame_at
from scenarios.measures.around import directions, lumen_radius
from scenarios.measures.stations import stations_of
from scenarios.placing import carried_over, guide_of
from scenarios.procedure import Procedure
from scenarios.recording import FORMAT, Recording, load_recording, write_arrays, write_json

DIRECTIONS = 72
"""Directions about the path in which the lumen's radius is looked up."""

SPACING_MM = 0.5
"""Between the sections in which it is."""

FADE_SHARE = 1.0
"""How far beyond the stent's ends the wall still follows it, in radii of the opened stent."""

ROUNDS = 4
"""How often a ring's height and the lumen's radius where the ring then lies are worked out in turn."""

NOTE = (
    "Geometry alone: the stent was set to its diameter and the wall moved out of its way. No forces were solved, so there is no "
    "recoil, no stress and no contact force, and the vessel cannot refuse to open."
)


FREE_NOTE = (
    "A self-expanding stent was set to the diameter at which nothing holds it; in a vessel that holds it, it stays narrower."
)


@dataclasses.dataclass(frozen=True)
class Opened:
    """A stent opened by geometry alone.

    Attributes
    ----------
    nodes
        The stent's nodes [mm], shape (k, 3).
    vertices
        The wall's vertices [mm], shape (n, 3).
    bore_mm
        Bore that was asked for.
    inverted
        Tetrahedra that the wall's motion turned inside out.
    wall_clock_s
        What it took [s].
    """

    nodes: np.ndarray
    vertices: np.ndarray
    bore_mm: float
    inverted: int
    wall_clock_s: float


def open_geometrically(case: Case, *, bore_mm: float | None = None, rigid: bool = False) -> Opened:
    """Open a case's stent to a bore, its nominal one if none is given, and move the wall out of its way.

    That of a self-expanding stent is the one at which nothing holds it.

    Struts keep their length, so rings grow shorter. Under the stent the lumen's radius about the path becomes that of the
    stent's outer face wherever it was less, R; a point of the wall at distance r goes to √(r² + R² − R₀²), R₀ the lumen's radius
    in its direction, which keeps every cross-section's area of tissue. With `rigid` the wall stays, and each part of the stent
    opens to its own diameter or to the lumen, whichever is less.

    Raises
    ------
    InputError
        If the bore is less than the crimped stent's or more than its struts can reach.
    """
    began = time.perf_counter()
    design = case.stent
    asked = design.diameter_mm if bore_mm is None else bore_mm
    if not design.crimped_bore_mm <= asked < design.largest_diameter_mm:
        raise InputError(
            f"{design.name} cannot be opened to {asked:g} mm; give a bore from {design.crimped_bore_mm:.2f} mm, crimped, to less "
            f"than {design.largest_diameter_mm:.2f} mm, where its struts are straight."
        )
    guide = guide_of(case.path, 0.5 * design.diameter_mm)
    middle = carried_over(case.station_mm, case.path, guide)
    outer = 0.5 * asked + design.strut_thickness_mm
    reach = 0.5 * design.length_mm + FADE_SHARE * outer + SPACING_MM
    lumen = _radius_about(guide, case, max(middle - reach, 0.0), min(middle + reach, guide.length))
    places, radius = _settled(case, guide, middle, outer - design.half_thickness_mm, lumen, rigid=rigid)
    vertices = case.mesh.vertices
    if not rigid:
        vertices = _moved(vertices, guide, lumen, outer, (float(places[:, 0].min()), float(places[:, 0].max())))
    return Opened(
        nodes=around_path(guide, places[:, 0], places[:, 1], radius),
        vertices=vertices,
        bore_mm=asked,
        inverted=int(np.count_nonzero(tet_volumes(vertices, case.mesh.tets) <= 0.0)),
        wall_clock_s=time.perf_counter() - began,
    )


def record_geometry(case: Case, folder: FilePath, *, bore_mm: float | None = None, rigid: bool = False) -> Recording:
    """Open a case's stent by geometry alone and keep it as a recording of two states, "before" and "after".

    Raises
    ------
    InputError
        As `open_geometrically` does, or if the folder cannot be written or already holds a recording.
    """
    opened = open_geometrically(case, bore_mm=bore_mm, rigid=rigid)
    free = (FREE_NOTE,) if case.device.is_self_expanding and bore_mm is None and not rigid else ()
    case = dataclasses.replace(case, notes=(*case.notes, NOTE, *free))
    inside = folder / "recording"
    if (inside / "header.json").exists():
        raise InputError(f"The folder {folder} already holds a recording; name another folder, or overwrite it by asking so.")
    (inside / "frames").mkdir(parents=True, exist_ok=True)
    case.save(inside / "case")
    body = case.body()
    write_arrays(inside / "rest.npz", vertices=body.vertices, displacement=np.zeros_like(body.vertices))
    states = (("before", np.asarray(case.lattice.nodes), case.mesh.vertices), ("after", opened.nodes, opened.vertices))
    rows = []
    for tick, (phase, nodes, vertices) in enumerate(states, 1):
        arrays = {
            "displacement": 1e-3 * (vertices - case.mesh.vertices),
            "device": 1e-3 * nodes,
            "contact_force": np.zeros(len(case.lattice.samples()[0])),
        }
        write_arrays(inside / "frames" / f"{tick:06d}.npz", **arrays)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in arrays.values())).hexdigest()
        rows.append({"tick": tick, "time_s": 0.0, "phase": phase, "command": {"balloons": {}}, "events": [], "digest": digest})
    (inside / "ticks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_json(inside / "header.json", _header(case, opened, rigid=rigid, digest=rows[-1]["digest"]))
    return load_recording(folder)


def _header(case: Case, opened: Opened, *, rigid: bool, digest: str) -> dict:
    return {
        "format": FORMAT,
        "complete": True,
        "geometry_only": True,
        "input": dict(case.source.get("input", {})),
        "mesh": dict(case.source.get("mesh", {})),
        "procedure": dataclasses.asdict(Procedure((), case.blood_pressure_pa)),
        "run": {
            "forces": "none solved: geometry alone",
            "wall": "stays as imaged" if rigid else "moved out of the stent's way",
            "device": case.device.name,
            "station_mm": case.station_mm,
            "asked_bore_mm": opened.bore_mm,
            "blood_pressure_mmhg": case.blood_pressure_pa / MMHG,
            "tick_count": 2,
            "digest": digest,
            "inverted_elements_at_the_end": opened.inverted,
            "opening_s": round(opened.wall_clock_s, 3),
        },
    }


def _radius_about(guide: Path, case: Case, first: float, last: float) -> RegularGridInterpolator:
    """The lumen's radius [mm] about a path, by station [mm] and angle [rad] from −π to π, between two stations."""
    asked = np.linspace(first, last, max(3, round((last - first) / SPACING_MM) + 1))
    angles = directions(DIRECTIONS)
    wall = case.mesh.face_sets["lumen"]
    radii, stations = lumen_radius(case.mesh.vertices, wall, guide, stations=asked, angles=angles)
    if len(stations) < 2:
        raise InputError(
            f"The lumen does not go round the balloon's way between {first:.1f} and {last:.1f} mm; place the stent elsewhere."
        )
    return RegularGridInterpolator((stations, np.append(angles, np.pi)), np.column_stack([radii, radii[:, :1]]))


def _settled(
    case: Case, guide: Path, middle: float, widest: float, lumen: RegularGridInterpolator, *, rigid: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places (station, angle) of the stent's nodes and their distance from the path [mm], shapes (k, 2) and (k,)."""
    design, lattice = case.stent, case.lattice
    rings = np.full(design.rings, widest)
    on_ring = lattice.node_ring >= 0
    places, radius = np.zeros((len(lattice.nodes), 2)), np.zeros(0)
    for _ in range(ROUNDS if rigid else 1):
        places = along_lattice(lattice, crowns_at(design, rings, station_mm=middle))
        radius = np.full(len(places), widest)
        if rigid:
            radius = np.minimum(radius, lumen(_within(lumen, places)) - design.half_thickness_mm)
            rings = np.bincount(lattice.node_ring[on_ring], radius[on_ring]) / np.bincount(lattice.node_ring[on_ring])
    return places, radius


def _moved(
    vertices: np.ndarray, guide: Path, lumen: RegularGridInterpolator, outer: float, stent_mm: tuple[float, float]
) -> np.ndarray:
    """The wall's vertices with the lumen nowhere narrower than the stent [mm], fading out beyond its ends."""
    station = stations_of(guide, vertices)
    beyond = np.maximum(stent_mm[0] - station, station - stent_mm[1])
    near = np.flatnonzero(beyond < FADE_SHARE * outer)
    centre, first, second = frame_at(guide, station[near])
    off = vertices[near] - centre
    x, y = np.einsum("ni,ni->n", off, first), np.einsum("ni,ni->n", off, second)
    distance = np.maximum(np.hypot(x, y), 1e-9)
    before = lumen(_within(lumen, np.stack([station[near], np.arctan2(y, x)], 1)))
    left = np.clip(1.0 - beyond[near] / (FADE_SHARE * outer), 0.0, 1.0)
    after = before + left**2 * (3.0 - 2.0 * left) * np.maximum(outer - before, 0.0)
    farther = np.sqrt(after**2 + np.maximum(distance**2 - before**2, 0.0))
    moved = vertices.copy()
    growing = after > before
    share = np.where(growing, farther / distance - 1.0, 0.0)[:, None]
    moved[near] += share * (x[:, None] * first + y[:, None] * second)
    return moved


def _within(lumen: RegularGridInterpolator, places: np.ndarray) -> np.ndarray:
    """Places with their stations where the lumen is known and their angles between −π and π."""
    known = lumen.grid[0]
    return np.stack([np.clip(places[:, 0], known[0], known[-1]), np.remainder(places[:, 1] + np.pi, 2.0 * np.pi) - np.pi], 1)
