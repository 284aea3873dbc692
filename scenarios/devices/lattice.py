"""Lattice: a stent design as nodes and struts along a vessel, and its mechanics for the engine."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from meshing.centrelines import Path
from meshing.errors import InputError
from scenarios.devices.balloon import Balloon
from scenarios.devices.covering import fabric_edges, flat_places, membranes_of, rest_places, sleeve
from scenarios.devices.design import Nitinol, StentDesign
from sim.balloon import GuidedBalloon
from sim.device import DeviceBody, Mounted
from sim.rods.builders import Strand, join
from sim.rods.laws import Elastoplastic, Superelastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Section, rectangular

ATMOSPHERE = 101325.0
"""[Pa]"""

PARTS = (0.0, 0.08, 0.25, 0.5, 0.75, 0.92, 1.0)
"""Where a strut is divided into elements of a rod, as shares of its length: finely at its crowns, where it yields."""

BRIDGE_PARTS = (0.0, 0.5, 1.0)
"""The same for a bridge."""


@dataclasses.dataclass(frozen=True)
class Lattice:
    """A crimped stent, placed.

    Attributes
    ----------
    nodes
        Nodes [mm], shape (n, 3): first the crowns, rings × 2N, ring by ring, each ring around, odd ones at the far end; then
        those along struts, then those along bridges.
    struts
        Node pairs of the elements of struts, shape (s, 2), strut after strut.
    bridges
        Node pairs of the elements of bridges, shape (b, 2), bridge after bridge.
    node_ring, strut_ring
        Ring of each node, −1 on a bridge, and of each element of a strut, shapes (n,) and (s,).
    half_thickness_mm
        From a strut's middle line to its outer or inner face.
    fabric
        Nodes of the triangles of a covered stent's fabric, shape (t, 3); of a bare one none.
    fabric_edges
        Node pairs of those of their edges whose middles may touch the wall, shape (e, 2).
    """

    nodes: np.ndarray
    struts: np.ndarray
    bridges: np.ndarray
    node_ring: np.ndarray
    strut_ring: np.ndarray
    half_thickness_mm: float
    fabric: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 3), int))
    fabric_edges: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 2), int))

    @property
    def bars(self) -> np.ndarray:
        """Elements of struts and bridges, shape (s + b, 2)."""
        return np.concatenate([self.struts, self.bridges])

    def strands(self) -> list[np.ndarray]:
        """Nodes along each strut and each bridge, from crown to crown."""
        found = []
        for pairs, parts in ((self.struts, len(PARTS) - 1), (self.bridges, len(BRIDGE_PARTS) - 1)):
            found += [np.append(one[:, 0], one[-1, 1]) for one in pairs.reshape(-1, parts, 2)]
        return found

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Points that may touch the wall, each node and the middle of each element and edge: node pairs and share along."""
        nodes, middles = np.arange(len(self.nodes)), np.concatenate([self.bars, self.fabric_edges])
        pairs = np.concatenate([np.stack([nodes, nodes], 1), middles])
        return pairs, np.concatenate([np.zeros(len(nodes)), np.full(len(middles), 0.5)])


def place(design: StentDesign, path: Path, *, station_mm: float) -> Lattice:
    """Place a crimped stent with its middle at a station of a path; it follows the path's bends, free of stress.

    Where the lumen is narrower than the crimped stent, the stent is placed as narrow as the lumen and widens it from there.

    Raises
    ------
    InputError
        If the stent would reach beyond an end of the path.
    """
    require_on(path, design, station_mm=station_mm)
    radius = 0.5 * (design.crimped_bore_mm + design.strut_thickness_mm)
    around, rings, along = 2 * design.crowns, design.rings, len(PARTS) - 1
    ring_start = around * np.arange(rings)[:, None]
    index = np.arange(around)
    struts = np.stack([ring_start + index, ring_start + (index + 1) % around], -1).reshape(-1, 2)
    places = crowns_at(design, np.full(rings, radius), station_mm=station_mm)
    places, struts = _divided(places, struts, PARTS)
    on_rings = len(places)
    places, bridges = _divided(places, _bridges(design, around), BRIDGE_PARTS)
    ring = np.concatenate([np.repeat(np.arange(rings), around), np.repeat(np.arange(rings), around * (along - 1))])
    fabric, edges = _covered(design, places[:on_rings], struts, ring)
    free = np.interp(places[:, 0], path.stations, path.radii)
    reach = np.minimum(radius, np.maximum(free - design.half_thickness_mm, 0.3 * radius))
    return Lattice(
        nodes=around_path(path, places[:, 0], places[:, 1], reach),
        struts=struts,
        bridges=bridges,
        node_ring=np.concatenate([ring, np.full(len(places) - on_rings, -1)]),
        strut_ring=np.repeat(np.arange(rings), around * along),
        half_thickness_mm=design.half_thickness_mm,
        fabric=fabric,
        fabric_edges=edges,
    )


def _covered(design: StentDesign, places: np.ndarray, struts: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of a design's fabric and those of its edges that may touch the wall, from the places of its rings' nodes."""
    if design.fabric is None:
        return np.zeros((0, 3), int), np.zeros((0, 2), int)
    flat = flat_places(design, places, ring)
    triangles = sleeve(flat, 0.5 * design.diameter_mm)
    return triangles, fabric_edges(triangles, rest_places(design, flat), struts)


def require_on(path: Path, design: StentDesign, *, station_mm: float) -> None:
    """Refuse a place for a crimped stent's middle from which it would reach beyond an end of a path.

    Raises
    ------
    InputError
        If it would.
    """
    first, last = station_mm - 0.5 * design.length_mm, station_mm + 0.5 * design.length_mm
    if first < 0.0 or last > path.length:
        raise InputError(
            f"{design.name} is {design.length_mm:g} mm long and would reach from {first:.1f} to {last:.1f} mm along a vessel "
            f"that runs from 0 to {path.length:.1f} mm; place its middle between {0.5 * design.length_mm:.1f} and "
            f"{path.length - 0.5 * design.length_mm:.1f} mm, or take a shorter one."
        )


def crowns_at(design: StentDesign, radius_mm: np.ndarray, *, station_mm: float) -> np.ndarray:
    """Station [mm] and angle [rad] of every crown, shape (rings × 2N, 2), once each ring has a radius [mm], shape (rings,).

    Struts keep their length, and so do bridges, which lead from a ring's far crowns to those of the next; the radius is that
    of the struts' middle line, the stent's middle at `station_mm`.
    """
    around, rings = 2 * design.crowns, design.rings
    chord = 2.0 * math.sin(math.pi / around) * np.array([0.5 * (design.crimped_bore_mm + design.strut_thickness_mm), *radius_mm])
    height = np.sqrt(np.maximum(design.strut_length_mm**2 - chord**2, 0.0))
    pitch = (design.length_mm - height[0]) / (rings - 1) if rings > 1 else 0.0
    far = pitch * np.arange(rings)
    far += station_mm - 0.5 * (far[0] - height[1] + far[-1])
    index = np.arange(around)
    station = far[:, None] - np.where(index % 2, 0.0, height[1:, None])
    angle = np.broadcast_to(2.0 * np.pi * index / around, station.shape)
    return np.stack([station.ravel(), angle.ravel()], 1)


def along_lattice(lattice: Lattice, crowns: np.ndarray) -> np.ndarray:
    """Station [mm] and angle [rad] of every node of a lattice, shape (n, 2), from those of its crowns."""
    places = np.zeros((len(lattice.nodes), 2))
    places[: len(crowns)] = crowns
    for pairs, parts in ((lattice.struts, PARTS), (lattice.bridges, BRIDGE_PARTS)):
        chains = pairs.reshape(-1, len(parts) - 1, 2)
        if len(chains):
            places[chains[:, 1:, 0]] = _between(places[chains[:, 0, 0]], places[chains[:, -1, 1]], parts)
    return places


EMPTY_SHARE = 0.05
"""Share of a stent's drag that is left without a full balloon, chosen: that of a self-expanding one, at rest within 0.2 s."""

STENT = "balloon"
"""Name of the balloon that opens the stent."""


@dataclasses.dataclass(frozen=True)
class Dilation:
    """A balloon without a stent that opens the vessel before the stent, or the stent after.

    Attributes
    ----------
    name
        Of the dilation: "predilation", "postdilation".
    balloon_name, balloon
        The balloon, from the catalogue.
    axis_mm
        Its axis, shoulders included, shape (q, 3).
    in_stent
        Whether it lies within the stent, once that is open.
    pressure_atm
        That is asked of it; None for its nominal one.
    """

    name: str
    balloon_name: str
    balloon: Balloon
    axis_mm: np.ndarray
    in_stent: bool
    pressure_atm: float | None = None


def device_body(
    lattice: Lattice,
    design: StentDesign,
    balloon: Balloon,
    axis_mm: np.ndarray,
    *,
    drag: float,
    dilations: Sequence[Dilation] = (),
    name: str = STENT,
) -> DeviceBody:
    """The mechanics of a placed stent on its balloon, in SI units; free of stress as it is placed.

    `axis_mm` is the balloon's axis [mm], shape (q, 3), and `name` the balloon's; `dilations` are other balloons in the same
    vessel; `drag` the resistance of a crown with its struts against moving while a balloon is full [N·s/m], which stands in for
    the slow flow of fluid. Once that is empty `EMPTY_SHARE` is left, or the stent would still be recoiling when it is measured.
    """
    whole = drag_of(design, tributary(lattice), drag)
    pairs, along = lattice.samples()
    rods, pose = rods_of(lattice, design, axis_mm * 1e-3)
    gap = 1e-3 * design.half_thickness_mm
    own = Mounted(name, guided(balloon, axis_mm), share_of(lattice, design), gap, fabric=lattice.fabric)
    return DeviceBody(
        rods=rods,
        pose=pose,
        sample_nodes=pairs,
        sample_along=along,
        sample_radius=np.full(len(pairs), 1e-3 * design.half_thickness_mm),
        drag=EMPTY_SHARE * whole,
        filling_drag=(1.0 - EMPTY_SHARE) * whole,
        balloons=(own, *mounted(lattice, design, dilations)),
        membranes=membranes_of(design, lattice.fabric, _flat_places(lattice, design), axis_mm),
    )


def _flat_places(lattice: Lattice, design: StentDesign) -> np.ndarray:
    """Station [mm] and angle [rad] of every node on a covered stent's sleeve at rest, shape (n, 2)."""
    radius = np.full(design.rings, 0.5 * (design.crimped_bore_mm + design.strut_thickness_mm))
    return flat_places(design, along_lattice(lattice, crowns_at(design, radius, station_mm=0.0)), lattice.node_ring)


def mounted(lattice: Lattice, design: StentDesign, dilations: Sequence[Dilation]) -> tuple[Mounted, ...]:
    """Balloons without a stent in a vessel with one; those within it press on the nodes that lie upon them."""
    share, gap = share_of(lattice, design), 1e-3 * design.half_thickness_mm
    return tuple(
        Mounted(
            one.name,
            guided(one.balloon, one.axis_mm),
            share * one.in_stent,
            gap,
            fabric=lattice.fabric[: None if one.in_stent else 0],
        )
        for one in dilations
    )


def share_of(lattice: Lattice, design: StentDesign) -> np.ndarray:
    """Area of a balloon within that each node bears, per unit of radius, shape (n,) [m·rad].

    It is borne by rings, each node by the length of strut about it.
    """
    return design.length_mm * 1e-3 * 2.0 * np.pi / design.rings * tributary(lattice)


def guided(balloon: Balloon, axis_mm: np.ndarray) -> GuidedBalloon:
    """A balloon along an axis [mm], shape (q, 3), for the engine, in SI units."""
    pressures = np.linspace(0.0, balloon.highest_pressure_atm, 41)
    pressures = np.union1d(pressures, [balloon.unfolding_pressure_atm, balloon.nominal_pressure_atm])
    return GuidedBalloon(
        axis=axis_mm * 1e-3,
        chart_radius=0.5e-3 * np.asarray(balloon.diameter(pressures)),
        chart_pressure=ATMOSPHERE * pressures,
        shoulder=1e-3 * max(balloon.overhang_mm, 0.5),
    )


def rods_of(lattice: Lattice, design: StentDesign, axis: np.ndarray) -> tuple[RodNetwork, Pose]:
    """A lattice's struts and bridges as rods about an axis [m], shape (q, 3), free of stress where they are."""
    x, section, metal = lattice.nodes * 1e-3, _section(design), _metal(design)
    strands = lattice.strands()
    frames = _strut_frames([x[nodes] for nodes in strands], axis)
    return join(x, [Strand(nodes, frame, section, metal) for nodes, frame in zip(strands, frames, strict=True)])


def drag_of(design: StentDesign, borne: np.ndarray, drag: float) -> np.ndarray:
    """Drag of each node [N·s/m], shape (n,), by its share of its ring, from that of a crown with its struts."""
    around = 2 * design.crowns
    return drag * around * np.maximum(borne, 1e-3 / around)


def _section(design: StentDesign) -> Section:
    width, thickness = design.strut_width_mm * 1e-3, design.strut_thickness_mm * 1e-3
    # Struts bend across their width; two rows of fibres carry what bends the other way.
    return rectangular(width, thickness, poisson=design.alloy.poisson_ratio, across=8, through=2)


def _metal(design: StentDesign) -> Elastoplastic | Superelastic:
    metal = design.alloy
    if isinstance(metal, Nitinol):
        return Superelastic(
            austenite_modulus=metal.austenite_modulus_pa,
            martensite_modulus=metal.martensite_modulus_pa,
            transformation_strain=metal.transformation_strain,
            loading_start=metal.loading_start_pa,
            loading_end=metal.loading_end_pa,
            unloading_start=metal.unloading_start_pa,
            unloading_end=metal.unloading_end_pa,
            compression_start=metal.compression_start_pa,
            poisson=metal.poisson_ratio,
        )
    return Elastoplastic(
        young_modulus=metal.young_modulus_pa,
        yield_stress=metal.yield_stress_pa,
        tangent_modulus=metal.tangent_modulus_pa,
        poisson=metal.poisson_ratio,
    )


def tributary(lattice: Lattice) -> np.ndarray:
    """Share of its ring's length of strut that each node bears, shape (n,); nought on bridges."""
    length = np.linalg.norm(np.diff(lattice.nodes[lattice.struts], axis=1)[:, 0], axis=1)
    borne = np.bincount(lattice.struts.ravel(), np.repeat(0.5 * length, 2), len(lattice.nodes))
    ring = np.bincount(lattice.strut_ring, length)
    return np.where(lattice.node_ring >= 0, borne / ring[lattice.node_ring], 0.0)


def _strut_frames(strands: Sequence[np.ndarray], axis: np.ndarray) -> list[np.ndarray]:
    """Frames along struts (k, 3) about an axis: across the strut, away from the axis, along the strut; (k, 3, 3) each."""
    frames: dict[int, np.ndarray] = {}
    for size in {len(one) for one in strands}:
        alike = [number for number, one in enumerate(strands) if len(one) == size]
        points = np.stack([strands[number] for number in alike])
        along = np.gradient(points, axis=1)
        along /= np.linalg.norm(along, axis=2, keepdims=True)
        off = points - axis[KDTree(axis).query(points)[1]]
        across = np.cross(off, along)
        across /= np.linalg.norm(across, axis=2, keepdims=True)
        frames |= zip(alike, np.stack([across, np.cross(along, across), along], 3), strict=True)
    return [frames[number] for number in range(len(strands))]


def _divided(places: np.ndarray, pairs: np.ndarray, parts: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Places (station, angle) with those along pairs of them added, and the pairs of neighbours, pair after pair."""
    if len(pairs) == 0:
        return places, pairs
    inner = _between(places[pairs[:, 0]], places[pairs[:, 1]], parts)
    share = parts[1:-1]
    number = len(places) + np.arange(inner.shape[0] * len(share)).reshape(-1, len(share))
    chain = np.concatenate([pairs[:, :1], number, pairs[:, 1:]], 1)
    return np.concatenate([places, inner.reshape(-1, 2)]), np.stack([chain[:, :-1], chain[:, 1:]], -1).reshape(-1, 2)


def _between(start: np.ndarray, end: np.ndarray, parts: tuple[float, ...]) -> np.ndarray:
    """Places (station, angle) at the inner parts of the way from some to others, the short way round, shape (k, parts − 2, 2)."""
    way = end - start
    way[:, 1] = np.remainder(way[:, 1] + np.pi, 2.0 * np.pi) - np.pi
    return start[:, None] + np.asarray(parts[1:-1])[None, :, None] * way[:, None]


def _bridges(design: StentDesign, around: int) -> np.ndarray:
    """Bridges from a crown that points to the far end to the same crown of the next ring, turned a little from gap to gap."""
    pairs = []
    for gap in range(design.rings - 1):
        for bridge in range(design.bridges):
            crown = (bridge * design.crowns // design.bridges + gap) % design.crowns
            pairs.append((gap * around + 2 * crown + 1, (gap + 1) * around + 2 * crown + 1))
    return np.array(pairs, int).reshape(-1, 2)


def around_path(path: Path, station: np.ndarray, angle: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Points [mm], shape (n, 3), at stations [mm], angles [rad] and distances [mm] about a path."""
    centre, first, second = frame_at(path, station)
    return centre + radius[:, None] * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)


def frame_at(path: Path, station: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a path [mm] and two directions across it at stations [mm], carried along without turning; shape (n, 3) each."""
    first, second = _frames(path)
    centre, first, second = (
        np.stack([np.interp(station, path.stations, column) for column in table.T], 1) for table in (path.points, first, second)
    )
    return centre, *(one / np.linalg.norm(one, axis=1, keepdims=True) for one in (first, second))


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
