"""What a rehearsal puts into the beam: stent, calcium and balloon, the wire and shaft they came on, and dye in the lumen; or the
wires and catheters of a passage.

A rehearsal knows neither its guidewire nor its shaft: these are drawn where they must have lain, along the centreline, and go on
straight beyond it. The vessel's wall is as dark as what surrounds it and is left out.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from meshing.centrelines import arc_lengths
from scenarios.balloon_shape import BalloonShape, balloon_shape
from scenarios.sheath_shape import last_placed, sheaths_at
from viewer.bars import bars_of, there
from viewer.shapes import balloon_surface
from viewer.xray.contrast import DyedTree, Puff, Stretch
from viewer.xray.cylinders import Cylinders
from viewer.xray.fluoroscope import Contents
from viewer.xray.surfaces import Surface, capped, tet_boundary, thick_sheet, weighted_along

BALLOON_IODINE_MG_ML = 150.0
"""Diluted contrast agent in a balloon [mg/mL]; usual, from memory, unverified."""

WIRE_RADIUS_MM = 0.445
SHAFT_MM = (0.85, 0.5)
"""Outer and inner radius of a balloon's shaft [mm]; from memory, unverified."""

MARKER_MM = (0.62, 0.5, 1.0)
"""Outer and inner radius and length of a balloon's or stent's markers [mm], and length of a sheath's; from memory, unverified."""

J_RADIUS_MM = 3.0
BEYOND_TIP_MM, TO_ACCESS_MM = 45.0, 160.0
FLOW_ML_S = 6.0
"""Blood through an artery of the leg's root [mL/s]; usual, from memory, unverified."""

WIRE_MATERIALS = {"guidewire": "stainless steel 316L", "catheter": "PEBAX with barium", "sheath": "PEBAX with barium"}


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """Where things of a running rehearsal are: what `RehearsalInBeam.contents` takes, as it takes a recording's frame.

    Attributes
    ----------
    vertices, device
        The wall's vertices, shape (n, 3), and the stent's nodes, shape (k, 3) [mm].
    balloon
        The balloon that is full, or the stent's, folded away.
    sheath_mm
        How far the first stent's sheath has been drawn back; None where it has none.
    waiting
        Names of the stents that are not in the vessel yet.
    sheaths_mm
        How far each sheath has been drawn back, by its name in commands.
    lines
        Nodes of the wire and the catheter that all goes over, by their names, each of shape (q, 3) [mm]; none without.
    """

    vertices: np.ndarray
    device: np.ndarray
    balloon: BalloonShape
    sheath_mm: float | None = None
    waiting: tuple[str, ...] = ()
    sheaths_mm: Mapping[str, float] = dataclasses.field(default_factory=dict)
    lines: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def moment_of(rehearsal: Any, command: Any = None) -> Moment:
    """The moment at which a `scenarios.rehearsal.Rehearsal` stands, after a tick under a command (none: balloon folded away)."""
    from scenarios.devices.lattice import ATMOSPHERE
    from scenarios.devices.over_wire import CATHETER
    from scenarios.devices.self_expanding import SHEATH
    from scenarios.recording import lines_apart

    state = rehearsal.state
    device, lines = lines_apart(rehearsal.case, (np.asarray(state.device_position) + rehearsal.model.origin) * 1e3)
    pressures = {} if command is None else {name: float(value) / ATMOSPHERE for name, value in command.balloons.items()}
    vertices = (rehearsal.body.vertices + state.displacement.to_numpy()) * 1e3
    drawn, waiting = None, getattr(command, "waiting", ())
    if getattr(rehearsal.case, "sheathed", None) is not None:
        drawn = 0.0 if command is None else 1e3 * float(command.sheaths.get(SHEATH, 0.0))
    ways = {name: 1e3 * float(way) for name, way in getattr(command, "sheaths", {}).items()}
    balloon = balloon_shape(rehearsal.case, vertices, device, pressures, lines.get(CATHETER))
    return Moment(vertices, device, balloon, drawn, waiting, ways, lines)


class RehearsalInBeam:
    """The moving things of one case, frame by frame: `contents(frame)`, and with dye once `inject` was called."""

    def __init__(self, case: Any, *, delivery: bool = True, flow_ml_s: float = FLOW_ML_S) -> None:
        """Prepare a case.

        Parameters
        ----------
        case
            The `scenarios.case.Case` or `scenarios.passage.passage.Passage` that is or was rehearsed.
        delivery
            Whether a stent's wire, shaft and markers lie in it.
        flow_ml_s
            Blood through the vessel [mL/s].
        """
        self.case = case
        has_stent = hasattr(case, "stents")
        course = (case.path.points, case.path.radii) if has_stent else _downstream(case.path)
        self.tree = DyedTree([Stretch.of(*course)], flow_ml_s=flow_ml_s)
        mesh = case.mesh
        self._lumen, lumen = np.unique(mesh.face_sets["lumen"], return_inverse=True)
        self._lumen_faces = lumen.reshape(-1, 3)
        hard = [number for number, name in mesh.label_names.items() if "calci" in name]
        calcium = tet_boundary(mesh.tets[np.isin(mesh.labels, hard)])
        self._calcium = Surface.closed(mesh.vertices, calcium, material="calcified plaque") if len(calcium) else None
        self._bars = bars_of(case)
        self._moving = stents_of(case) if has_stent else wires_of(case)
        self._delivery = [delivery_on(case, number) for number in range(len(case.stents))] if delivery and has_stent else []

    def inject(self, puff: Puff) -> None:
        """Inject contrast agent where the centreline begins; in a passage at its wider end, from which blood comes."""
        self.tree.inject(puff)

    def contents(self, frame: Any, *, time_s: float | None = None) -> Contents:
        """What is in the beam at a sampled state; with what was injected, as it has flowed by a time [s], if one is given."""
        surfaces = [] if self._calcium is None else [self._calcium.moved(frame.vertices)]
        balloon = self._balloon(frame)
        surfaces += [] if balloon is None else [balloon]
        surfaces += self._fabric(frame)
        if time_s is not None and self.tree.puffs:
            surfaces += [self._dye(frame, time_s)]
        seen = there(self._bars, frame)
        delivery: tuple[Cylinders, ...] = ()
        if self._delivery:
            over = getattr(self.case, "over", None)
            delivery = self._delivery[last_placed(self.case, frame)] if over is None else over_in_beam(self.case, frame)
        moving = (one.moved(frame.device) for one, bars in zip(self._moving, self._bars, strict=True) if bars in seen)
        return Contents(tuple(surfaces), (*moving, *delivery, *self._sheath(frame)))

    def lumen(self, frame: Any) -> Surface:
        """The lumen with its ends closed, filled with blood."""
        points, faces = capped(np.asarray(frame.vertices, float)[self._lumen], self._lumen_faces)
        return Surface.closed(points, faces, material="blood")

    def _dye(self, frame: Any, time_s: float) -> Surface:
        lumen = self.lumen(frame)
        axis_points, amounts = self.tree.at(lumen.vertices, time_s)
        return weighted_along(lumen, axis_points, amounts, material="iodine")

    def _sheath(self, frame: Any) -> tuple[Cylinders, ...]:
        """A self-expanding stent's sheath as far as it reaches, with the marker at its end."""
        found = sheaths_at(self.case, frame)
        if not found:
            return ()
        line, size = found[0].line, found[0].size
        outer, bore = 0.5 * size.outer_diameter_mm, 0.5 * size.bore_mm
        tip = np.stack([line[-1] - MARKER_MM[2] * _direction(line[-1] - line[-2]), line[-1]])
        return (
            Cylinders.of_line(line, radius=outer, bore=bore, material="PEBAX"),
            Cylinders.of_line(tip, radius=outer, bore=0.5 * (outer + bore), material="platinum"),
        )

    def _fabric(self, frame: Any) -> list[Surface]:
        """The fabric of those covered stents that are in the patient."""
        seen = {one.name for one in there(self._bars, frame)}
        return [
            thick_sheet(frame.device, bars.fabric, thickness=one.stent.fabric.thickness_mm, material="ePTFE")
            for bars, one in zip(self._bars, getattr(self.case, "stents", ()), strict=False)
            if bars.name in seen and len(bars.fabric)
        ]

    def _balloon(self, frame: Any) -> Surface | None:
        drawn = balloon_surface(frame.balloon.axis, frame.balloon.radius, sides=32)
        if drawn is None:
            return None
        quads = np.asarray(drawn.regular_faces)
        points, faces = capped(np.asarray(drawn.points, float), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
        return Surface.closed(points, faces, material="iodine", amount=BALLOON_IODINE_MG_ML)


def stents_of(case: Any) -> tuple[Cylinders, ...]:
    """The stents of a case, to be moved to the nodes of all of them: round struts of the same cross-section."""
    nodes = np.concatenate([one.lattice.nodes for one in case.stents])
    radii = (math.sqrt(one.stent.strut_width_mm * one.stent.strut_thickness_mm / math.pi) for one in case.stents)
    return tuple(
        Cylinders.of_bars(nodes, bars.pairs, radius=radius, material=one.stent.alloy.name)
        for bars, one, radius in zip(bars_of(case), case.stents, radii, strict=True)
    )


def delivery_on(case: Any, number: int = 0) -> tuple[Cylinders, ...]:
    """Guidewire with its J, balloon shaft and markers along a case's centreline, from the leaf's side towards the root.

    Shaft and markers are those that bring the stent of a number, counted from 0.
    """
    path, brought = case.path, case.stents[number] if number else case
    count = max(int(path.length / 1.5), 8)
    line = path.at(np.linspace(path.length, 0.0, count))[0]
    back = line[0] + np.linspace(TO_ACCESS_MM, 2.0, 24)[:, None] * _direction(line[0] - line[3])
    onward = _direction(line[-1] - line[-4])
    ahead = line[-1] + np.linspace(1.5, BEYOND_TIP_MM, 30)[:, None] * onward
    square = _direction(np.cross(onward, np.cross([1.0, 0.0, 0.0], onward)))
    angle = np.linspace(0.0, 1.1 * np.pi, 24)[1:, None]
    tip = ahead[-1] + J_RADIUS_MM * (np.sin(angle) * onward + (1.0 - np.cos(angle)) * square)
    wire = Cylinders.of_line(np.vstack([back, line, ahead]), radius=WIRE_RADIUS_MM, material="stainless steel 316L")
    coil = Cylinders.of_line(np.vstack([ahead[-1:], tip]), radius=0.8 * WIRE_RADIUS_MM, material="stainless steel 316L")
    axis = np.asarray(brought.balloon_axis, float)
    if np.linalg.norm(axis[0] - line[0]) > np.linalg.norm(axis[-1] - line[0]):
        axis = axis[::-1]
    near = line[np.linalg.norm(line - axis[-1], axis=1).argmin() :][:1]
    until = int(np.linalg.norm(line - near, axis=1).argmin())
    shaft = np.vstack([back, line[: max(until, 2)]])
    sheathed = getattr(brought, "sheathed", None) is not None
    inset = 0.0 if sheathed else getattr(getattr(brought, "balloon", None), "overhang_mm", 2.0)
    shaft_of = Cylinders.of_line(shaft, radius=SHAFT_MM[0], bore=SHAFT_MM[1], material="PEBAX")
    return (wire, coil, shaft_of, *_markers(axis, inset))


def over_in_beam(case: Any, frame: Any) -> tuple[Cylinders, ...]:
    """The wire, the catheter and the markers of its balloon where they are at a sampled state of a case with such."""
    if not frame.lines:
        return ()
    lines = (wire_in_beam(wire, frame.lines[called]) for called, wire in case.over.lines.items())
    stent = case.stents[last_placed(case, frame)]
    if stent.sheathed is not None and not frame.balloon.is_open:
        return tuple(lines)
    return (*lines, *_markers(frame.balloon.axis, 2.0 if stent.sheathed is not None else stent.balloon.overhang_mm))


def _markers(axis: np.ndarray, inset_mm: float) -> tuple[Cylinders, ...]:
    """The two markers of a balloon, so far within the ends of its axis, shape (q, 3) [mm]."""
    outer, bore, length = MARKER_MM
    stations, markers = arc_lengths(axis), []
    for middle in (inset_mm, stations[-1] - inset_mm):
        ends = np.column_stack([np.interp([middle - length / 2, middle + length / 2], stations, axis[:, k]) for k in range(3)])
        markers.append(Cylinders.of_line(ends, radius=outer, bore=bore, material="platinum"))
    return tuple(markers)


def wires_of(passage: Any) -> tuple[Cylinders, ...]:
    """The wires and catheters of a passage, to be moved to the nodes of its rods."""
    nodes = 1e3 * np.asarray(passage.device_body().pose.position)
    return tuple(
        Cylinders.of_bars(nodes, one.pairs, radius=one.radius_mm, bore=one.bore_mm, material=WIRE_MATERIALS[one.kind])
        for one in bars_of(passage)
    )


def _downstream(path: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and radii (n,) of a path from its wider end on: a passage may lead against the blood [mm]."""
    quarter = max(len(path.radii) // 4, 1)
    if path.radii[:quarter].mean() >= path.radii[-quarter:].mean():
        return path.points, path.radii
    return path.points[::-1].copy(), path.radii[::-1].copy()


def wire_in_beam(wire: Any, points: Any) -> Cylinders:
    """A wire, catheter or sheath of the catalogue that lies along points (n, 3) [mm], such as the nodes of its rod."""
    return Cylinders.of_line(
        points, radius=0.5 * wire.outer_diameter_mm, bore=0.5 * wire.bore_mm, material=WIRE_MATERIALS[wire.kind]
    )


def _direction(vector: Any) -> np.ndarray:
    vector = np.asarray(vector, float)
    return vector / np.linalg.norm(vector)
