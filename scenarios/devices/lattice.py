"""Lattice: a stent design as nodes and struts along a vessel, and its mechanics for the engine."""

import dataclasses
import math

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from scenarios.devices.balloon import Balloon
from scenarios.devices.design import StentDesign
from sim.balloon import GuidedBalloon
from sim.body import DeviceBody
from sim.struts import Struts, dihedral_angles, hinge_angles

ATMOSPHERE = 101325.0
"""[Pa]"""

SAMPLES_PER_STRUT = 3
"""Points between a strut's two crowns at which it may touch the wall."""


@dataclasses.dataclass(frozen=True)
class Lattice:
    """A crimped stent, placed.

    Attributes
    ----------
    nodes
        Crowns [mm], shape (n, 3): rings × 2N, ring by ring, each ring around; odd ones point to the far end.
    struts
        Node pairs of the rings, shape (s, 2).
    bridges
        Node pairs between rings, shape (b, 2).
    node_ring, strut_ring
        Ring of each node and strut, shapes (n,) and (s,).
    half_thickness_mm
        From a strut's middle line to its outer or inner face.
    """

    nodes: np.ndarray
    struts: np.ndarray
    bridges: np.ndarray
    node_ring: np.ndarray
    strut_ring: np.ndarray
    half_thickness_mm: float

    @property
    def bars(self) -> np.ndarray:
        """Struts and bridges, shape (s + b, 2)."""
        return np.concatenate([self.struts, self.bridges])

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Points that may touch the wall: each node, then points along struts and bridges: node pairs and share along."""
        nodes = np.arange(len(self.nodes))
        inner = np.arange(1, SAMPLES_PER_STRUT + 1) / (SAMPLES_PER_STRUT + 1.0)
        pairs = np.concatenate([np.stack([nodes, nodes], 1), np.repeat(self.bars, SAMPLES_PER_STRUT, axis=0)])
        return pairs, np.concatenate([np.zeros(len(nodes)), np.tile(inner, len(self.bars))])


def place(design: StentDesign, path: Path, *, station_mm: float) -> Lattice:
    """Place a crimped stent with its middle at a station of a path; it follows the path's bends, free of stress.

    Where the lumen is narrower than the crimped stent, the stent is placed as narrow as the lumen and widens it from there.

    Raises
    ------
    InputError
        If the stent would reach beyond an end of the path.
    """
    first, last = station_mm - 0.5 * design.length_mm, station_mm + 0.5 * design.length_mm
    if first < 0.0 or last > path.length:
        raise InputError(
            f"{design.name} is {design.length_mm:g} mm long and would reach from {first:.1f} to {last:.1f} mm along a vessel "
            f"that runs from 0 to {path.length:.1f} mm; place its middle between {0.5 * design.length_mm:.1f} and "
            f"{path.length - 0.5 * design.length_mm:.1f} mm, or take a shorter one."
        )
    around, rings = 2 * design.crowns, design.rings
    radius = 0.5 * (design.crimped_bore_mm + design.strut_thickness_mm)
    chord = 2.0 * radius * math.sin(math.pi / around)
    height = math.sqrt(design.strut_length_mm**2 - chord**2)
    pitch = (design.length_mm - height) / (rings - 1) if rings > 1 else 0.0
    index = np.arange(around)
    station = first + 0.5 * height + pitch * np.arange(rings)[:, None] + 0.5 * height * np.where(index % 2, 1.0, -1.0)[None]
    angle = np.broadcast_to(2.0 * np.pi * index / around, station.shape)
    nodes = _around_path(path, station.ravel(), angle.ravel(), radius, design.half_thickness_mm)
    ring_start = around * np.arange(rings)[:, None]
    struts = np.stack([ring_start + index, ring_start + (index + 1) % around], -1).reshape(-1, 2)
    return Lattice(
        nodes=nodes,
        struts=struts,
        bridges=_bridges(design, around),
        node_ring=np.repeat(np.arange(rings), around),
        strut_ring=np.repeat(np.arange(rings), around),
        half_thickness_mm=design.half_thickness_mm,
    )


def device_body(lattice: Lattice, design: StentDesign, balloon: Balloon, axis_mm: np.ndarray, *, drag: float) -> DeviceBody:
    """The mechanics of a placed stent on its balloon, in SI units.

    `axis_mm` is the balloon's axis [mm], shape (q, 3); `drag` the resistance of a node against moving [N·s/m],
    which stands in for the slow flow of fluid into the balloon and for friction.
    """
    around = 2 * design.crowns
    pressures = np.linspace(0.0, balloon.highest_pressure_atm, 41)
    pressures = np.union1d(pressures, [balloon.unfolding_pressure_atm, balloon.nominal_pressure_atm])
    guided = GuidedBalloon(
        axis=axis_mm * 1e-3,
        chart_radius=0.5e-3 * np.asarray(balloon.diameter(pressures)),
        chart_pressure=ATMOSPHERE * pressures,
    )
    pairs, along = lattice.samples()
    share = design.length_mm * 1e-3 / design.rings * 2.0 * np.pi / around
    return DeviceBody(
        struts=_mechanics(lattice, design),
        positions=lattice.nodes * 1e-3,
        sample_nodes=pairs,
        sample_along=along,
        half_thickness=design.half_thickness_mm * 1e-3,
        balloon=guided,
        balloon_share=np.full(len(lattice.nodes), share),
        drag=drag,
    )


def _mechanics(lattice: Lattice, design: StentDesign) -> Struts:
    """Stiffness of bars, crowns and twists from the strut's section: see `sim.struts`."""
    x, metal = lattice.nodes * 1e-3, design.alloy
    around = 2 * design.crowns
    width, thickness = design.strut_width_mm * 1e-3, design.strut_thickness_mm * 1e-3
    inertia = thickness * width**3 / 12.0
    shear = metal.young_modulus_pa / (2.0 * (1.0 + metal.poisson_ratio))
    bars = lattice.bars
    length = np.linalg.norm(x[bars[:, 1]] - x[bars[:, 0]], axis=1)
    strut = float(length[: len(lattice.struts)].mean())
    start = lattice.node_ring * around
    place_in_ring = np.arange(len(x)) - start
    step = [start + (place_in_ring + k) % around for k in (-1, 0, 1, 2)]
    crowns, twists = np.stack(step[:3], 1), np.stack(step, 1)
    crown_stiffness = 3.0 * metal.young_modulus_pa * inertia / strut
    ends = np.concatenate([lattice.bridges, lattice.bridges[:, ::-1]])
    hinges = np.concatenate([np.stack([step[0][ends[:, 0]], *ends.T], 1), np.stack([step[2][ends[:, 0]], *ends.T], 1)])
    pairs = np.stack([np.arange(len(ends)), len(ends) + np.arange(len(ends))], 1)
    lean = hinge_angles(x, hinges)[0]
    bridge_length = np.linalg.norm(x[ends[:, 1]] - x[ends[:, 0]], axis=1)
    return Struts(
        bars=bars,
        bar_length=length,
        bar_stiffness=metal.young_modulus_pa * width * thickness / length,
        crowns=crowns,
        crown_angle=hinge_angles(x, crowns)[0],
        crown_stiffness=np.full(len(crowns), crown_stiffness),
        crown_moment=np.full(len(crowns), 0.25 * metal.yield_stress_pa * thickness * width**2),
        crown_hardening=np.full(len(crowns), crown_stiffness * metal.hardening_modulus_pa / metal.young_modulus_pa),
        twists=twists,
        twist_angle=dihedral_angles(x, twists)[0],
        twist_stiffness=np.full(len(twists), shear * _torsion_constant(width, thickness) / strut),
        bridge_hinges=hinges,
        bridge_pairs=pairs,
        bridge_offset=lean[pairs[:, 0]] - lean[pairs[:, 1]],
        bridge_stiffness=3.0 * metal.young_modulus_pa * inertia / bridge_length,
    )


def _torsion_constant(width: float, thickness: float) -> float:
    """Torsion constant of a rectangle [m⁴]: a b³ (1/3 − 0.21 b/a (1 − b⁴/12a⁴)), Roark's Formulas, table 10.1."""
    a, b = max(width, thickness), min(width, thickness)
    return a * b**3 * (1.0 / 3.0 - 0.21 * b / a * (1.0 - b**4 / (12.0 * a**4)))


def _bridges(design: StentDesign, around: int) -> np.ndarray:
    """Bridges from a crown that points to the far end to the same crown of the next ring, turned a little from gap to gap."""
    pairs = []
    for gap in range(design.rings - 1):
        for bridge in range(design.bridges):
            crown = (bridge * design.crowns // design.bridges + gap) % design.crowns
            pairs.append((gap * around + 2 * crown + 1, (gap + 1) * around + 2 * crown + 1))
    return np.array(pairs, int).reshape(-1, 2)


def _around_path(path: Path, station: np.ndarray, angle: np.ndarray, radius: float, half_thickness: float) -> np.ndarray:
    """Points at an angle about the path; nowhere farther from it than the lumen allows."""
    first, second = _frames(path)
    parts = []
    for table in (path.points, first, second, path.radii[:, None]):
        parts.append(np.stack([np.interp(station, path.stations, column) for column in table.T], 1))
    centre, first_here, second_here, free = parts
    first_here = first_here / np.linalg.norm(first_here, axis=1, keepdims=True)
    second_here = second_here / np.linalg.norm(second_here, axis=1, keepdims=True)
    reach = np.minimum(radius, np.maximum(free[:, 0] - half_thickness, 0.3 * radius))[:, None]
    return centre + reach * (np.cos(angle)[:, None] * first_here + np.sin(angle)[:, None] * second_here)


def _frames(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two directions across the path at each of its points, carried along without turning about it."""
    tangent = path.tangents
    first = np.zeros_like(tangent)
    across = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    for k in range(len(tangent)):
        across = across - tangent[k] * (across @ tangent[k])
        across /= np.linalg.norm(across)
        first[k] = across
    return first, np.cross(tangent, first)
