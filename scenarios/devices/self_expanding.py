"""Self-expanding stents: shape-set open, crimped into their sheath by simulation, laid along a vessel; what they press with."""

import dataclasses
from collections.abc import Sequence
from functools import cache

import numpy as np

from meshing.centrelines import Path, arc_lengths
from meshing.errors import InputError
from scenarios.devices.design import StentDesign
from scenarios.devices.lattice import (
    BRIDGE_PARTS,
    Dilation,
    Lattice,
    along_lattice,
    around_path,
    crowns_at,
    drag_of,
    frame_at,
    mounted,
    place,
    rods_of,
    tributary,
)
from sim.balloon import nearest_on
from sim.device import DeviceBody, Sheath
from sim.rods.network import Pose, RodNetwork
from sim.rods.rotations import from_matrices, inverse, quaternion_product, to_vectors
from sim.rods.statics import Effort, NotAtRest, task_for
from sim.solvers.device_parts import SHEATH_RAMP
from sim.solvers.enclosed import Squeezed, squeezed

SHEATH = "sheath"
"""Name of the sheath that a stent is released from."""

CRIMP_STEP_MM = 0.1
"""By how much the crimper's radius shrinks from one rest to the next, and the least share of that."""

LEAST_SHARE = 1 / 64

BEYOND_MM = 3.0
"""How far the sheath reaches beyond the stent's distal end at first: more than the way on which it takes hold."""


@dataclasses.dataclass(frozen=True)
class Crimped:
    """A self-expanding stent about the z axis, its middle at the origin, in its sheath.

    Attributes
    ----------
    lattice
        Its topology; nodes as they are crimped [mm].
    rods
        Its mechanics, free of stress where it is open.
    pose
        Where its nodes are when crimped [m], and how they are turned.
    history
        What its metal remembers of crimping.
    """

    lattice: Lattice
    rods: RodNetwork
    pose: Pose
    history: np.ndarray


def sheath_radius_mm(design: StentDesign) -> float:
    """How far from the axis a strut's middle line may lie within the sheath [mm]."""
    return 0.5 * design.crimped_diameter_mm - design.half_thickness_mm


@cache
def crimp(design: StentDesign) -> Crimped:
    """Crimp a stent into its sheath by simulation; the same design is crimped once.

    A crimper that shrinks about one ring gives the shape and memory of all, since rings are alike; the whole stent, with its
    bridges, is then brought to rest in the sheath.

    Raises
    ------
    InputError
        If it finds no rest on the way.
    """
    _, rods, pose = opened(ring_of(design))
    ring = press(rods, pose, sheath_radius_mm(design))[-1]
    whole, network, free = opened(design)
    guess, history = _of_rings(design, ring, whole, network, free)
    try:
        done = squeezed(
            network, guess, _crimper(network.node_count), np.array([1e-3 * sheath_radius_mm(design)]), history=history,
            task=_held(network), effort=Effort(stable=False, iterations=200, largest_turn=0.1),
        )[-1]  # fmt: skip
    except NotAtRest as trouble:
        raise InputError(
            f"{design.name} finds no rest in its sheath of {design.crimped_diameter_mm:g} mm: {trouble}"
        ) from trouble
    return Crimped(dataclasses.replace(whole, nodes=1e3 * done.pose.position), network, done.pose, done.history)


def ring_of(design: StentDesign) -> StentDesign:
    """The design of one ring alone."""
    return dataclasses.replace(design, rings=1, length_mm=design.crimped_ring_height_mm)


def opened(design: StentDesign) -> tuple[Lattice, RodNetwork, Pose]:
    """A stent about the z axis, its middle at the origin, where nothing holds it: free of stress; rods in metres."""
    half = design.length_mm
    z = np.linspace(-half, half, 401)
    straight = Path(
        points=np.stack([0.0 * z, 0.0 * z, z], 1), tangents=np.tile([0.0, 0.0, 1.0], (len(z), 1)),
        radii=np.full(len(z), design.diameter_mm), stations=z + half,
    )  # fmt: skip
    lattice = place(design, straight, station_mm=half)
    radius = 0.5 * design.diameter_mm + design.half_thickness_mm
    places = along_lattice(lattice, crowns_at(design, np.full(design.rings, radius), station_mm=half))
    lattice = dataclasses.replace(lattice, nodes=around_path(straight, places[:, 0], places[:, 1], np.full(len(places), radius)))
    return lattice, *rods_of(lattice, design, 1e-3 * straight.points)


def press(
    rods: RodNetwork,
    pose: Pose,
    radius_mm: float,
    *,
    history: np.ndarray | None = None,
    last: Sequence[Squeezed] = (),
) -> list[Squeezed]:
    """Close or open a crimper about rods from where they are to a radius of their middle lines [mm], step by step.

    `last` are the rests before, of which the last two tell how the rods go on.

    Raises
    ------
    InputError
        If they find no rest on the way.
    """
    now = 1e3 * float(np.hypot(pose.position[:, 0], pose.position[:, 1]).max())
    crimper, task = _crimper(rods.node_count), _held(rods)
    found, step, rate, downhill = list(last[-2:]), CRIMP_STEP_MM, np.zeros((rods.node_count, 6)), False
    while now != radius_mm:
        asked = radius_mm if abs(radius_mm - now) <= step else now + float(np.clip(radius_mm - now, -step, step))
        try:
            # They go on as they went last; a crimper that opens would touch nothing without that.
            if len(found) > 1:
                rate = _rate(found[-2], found[-1])
            done = squeezed(
                rods, pose.moved((asked - now) * rate), crimper, np.array([1e-3 * asked]), history=history, task=task,
                effort=Effort(stable=downhill, iterations=60, largest_turn=0.1, largest_step=1e-3),
            )[-1]  # fmt: skip
        except (NotAtRest, FloatingPointError) as trouble:
            if downhill:
                raise InputError(f"The crimped stent finds no rest at a radius of {asked:.2f} mm: {trouble}") from trouble
            # Where metal turns its way Newton's method may go round about a rest, however near; downhill it cannot.
            downhill = 0.5 * step < LEAST_SHARE * CRIMP_STEP_MM
            step *= 1.0 if downhill else 0.5
            continue
        downhill = False
        found.append(done)
        pose, history, now = done.pose, done.history, asked
        step = min(2.0 * step, CRIMP_STEP_MM)
    return found


def _rate(before: Squeezed, after: Squeezed) -> np.ndarray:
    """Displacement and rotation of each node from one rest to the next for each millimetre of radius, shape (n, 6)."""
    turned = to_vectors(quaternion_product(after.pose.rotation, inverse(before.pose.rotation)))
    return np.concatenate([after.pose.position - before.pose.position, turned], 1) / (1e3 * (after.radius - before.radius))


def _of_rings(design: StentDesign, ring: Squeezed, lattice: Lattice, rods: RodNetwork, free: Pose) -> tuple[Pose, np.ndarray]:
    """A stent's pose and history if each ring were as the one that was crimped alone, its far crowns where bridges hold them."""
    around, rings, inner = 2 * design.crowns, design.rings, len(ring.pose.position) - 2 * design.crowns
    centre = np.full(rings, sheath_radius_mm(design))
    station = crowns_at(design, centre, station_mm=0.0).reshape(rings, around, 2)[:, 1, 0]
    shift = 1e-3 * station - ring.pose.position[1:around:2, 2].mean()
    position, rotation = free.position.copy(), free.rotation.copy()
    for number in range(rings):
        own = np.concatenate([number * around + np.arange(around), rings * around + number * inner + np.arange(inner)])
        position[own] = ring.pose.position + np.array([0.0, 0.0, shift[number]])
        rotation[own] = ring.pose.rotation
    for chain in lattice.bridges.reshape(-1, len(BRIDGE_PARTS) - 1, 2):
        share = np.asarray(BRIDGE_PARTS[1:-1])[:, None]
        position[chain[1:, 0]] = (1.0 - share) * position[chain[0, 0]] + share * position[chain[-1, 1]]
    # Elements come ring after ring, then the bridges', whose metal has felt nothing.
    fresh = rods.fresh_history()
    fresh[: rings * len(ring.history)] = np.tile(ring.history, rings)
    return Pose(position, rotation), fresh


def _crimper(count: int) -> Sheath:
    return Sheath("crimper", np.arange(count), np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]), 0.0)


def _held(rods: RodNetwork):
    """The first crown does not go along the axis nor round it: a stent in a sheath would slide and turn at no cost."""
    task = task_for(rods)
    task.held[0, 1:3] = True
    return task


@dataclasses.dataclass(frozen=True)
class Sheathed:
    """A self-expanding stent in its sheath along a vessel, as it lies when the clock starts.

    Attributes
    ----------
    pose
        Where its nodes are [m], and how they are turned.
    history
        What its metal remembers of crimping.
    axis_mm
        The sheath's way from the hand to its distal end, shape (q, 3) [mm].
    """

    pose: Pose
    history: np.ndarray
    axis_mm: np.ndarray

    @property
    def beyond_mm(self) -> float:
        """How far the sheath reaches beyond the stent's distal end at first [mm]."""
        axis = 1e-3 * self.axis_mm
        length = float(np.linalg.norm(np.diff(axis, axis=0), axis=1).sum())
        return 1e3 * (length - float(nearest_on(axis, self.pose.position)[2].max()))

    @property
    def holds_all_until_mm(self) -> float:
        """How far it can be drawn back and still hold all of the stent as at first [mm]: its last piece holds less."""
        return max(self.beyond_mm - 1e3 * SHEATH_RAMP, 0.0)

    def reaching(self, drawn_mm: float) -> np.ndarray:
        """Points of the sheath's axis from the hand to its end when it has been drawn back so far [mm], shape (k, 3) [mm]."""
        station = arc_lengths(self.axis_mm)
        end = max(station[-1] - drawn_mm, 0.0)
        stations = np.append(station[station < end], end)
        return np.column_stack([np.interp(stations, station, column) for column in self.axis_mm.T])


def in_sheath(design: StentDesign, guide: Path, *, station_mm: float) -> tuple[Lattice, Sheathed]:
    """A stent in its sheath along a vessel's path, with its middle at `station_mm`; it is crimped first.

    The hand is at the path's beginning, and the sheath reaches from there beyond the stent.

    Raises
    ------
    InputError
        If the stent would lie off the path, or finds no rest in its sheath.
    """
    crimped = crimp(design)
    position, pose = laid(crimped, guide, station_mm=station_mm)
    end = min(station_mm + 0.5 * design.length_mm + BEYOND_MM, guide.length)
    axis = guide.at(np.linspace(0.0, end, max(2, round(2.0 * end))))[0]
    return dataclasses.replace(crimped.lattice, nodes=1e3 * position), Sheathed(pose, crimped.history, axis)


def sheathed_body(
    lattice: Lattice,
    design: StentDesign,
    sheathed: Sheathed,
    *,
    drag: float,
    dilations: Sequence[Dilation] = (),
    name: str = SHEATH,
    rides: str | None = None,
) -> DeviceBody:
    """The mechanics of a stent in its sheath, in SI units; `dilations` are balloons in the same vessel.

    `drag` is the resistance of a crown with its struts against moving [N·s/m], `name` the sheath's, `rides` as in `Sheath`.
    """
    pairs, along = lattice.samples()
    nodes = np.arange(len(lattice.nodes))
    return DeviceBody(
        rods=opened(design)[1],
        pose=sheathed.pose,
        sample_nodes=pairs,
        sample_along=along,
        sample_radius=np.full(len(pairs), 1e-3 * design.half_thickness_mm),
        drag=drag_of(design, tributary(lattice), drag),
        balloons=mounted(lattice, design, dilations),
        sheaths=(Sheath(name, nodes, 1e-3 * sheathed.axis_mm, 1e-3 * sheath_radius_mm(design), rides),),
        history=sheathed.history,
    )


def laid(crimped: Crimped, guide: Path, *, station_mm: float) -> tuple[np.ndarray, Pose]:
    """A crimped stent with its middle at a station of a path: nodes [m], shape (n, 3), and its pose; it bends with the path.

    Raises
    ------
    InputError
        If it would reach beyond an end of the path.
    """
    x = crimped.pose.position
    station = station_mm + 1e3 * x[:, 2]
    if station.min() < 0.0 or station.max() > guide.length:
        raise InputError(
            f"The stent in its sheath would reach from {station.min():.1f} to {station.max():.1f} mm along a vessel that runs "
            f"from 0 to {guide.length:.1f} mm; place its middle elsewhere, or take a shorter one."
        )
    centre, first, second = frame_at(guide, station)
    position = 1e-3 * centre + x[:, :1] * first + x[:, 1:2] * second
    frames = np.stack([first, second, np.cross(first, second)], 2)
    return position, Pose(position, quaternion_product(from_matrices(frames), crimped.pose.rotation))


def withdrawal_mm(design: StentDesign) -> float:
    """How far the sheath is drawn back until nothing of the stent is in it [mm]."""
    return design.length_mm + BEYOND_MM + 1.0


@dataclasses.dataclass(frozen=True)
class RadialForce:
    """What a ring of a stent presses outwards with at a bore, over its height there [N/mm].

    `outward` as it opens out of its sheath (chronic outward force), `resistive` as it is pressed together from where nothing
    holds it (radial resistive force); ASTM F3067.
    """

    bore_mm: float
    outward: float
    resistive: float


@cache
def radial_forces(design: StentDesign, bores_mm: tuple[float, ...]) -> tuple[RadialForce, ...]:
    """Chronic outward and radial resistive force of a ring at some bores, below the free one, by simulation.

    Raises
    ------
    InputError
        If a bore is not between that in the sheath and the free one, or the ring finds no rest.
    """
    one = ring_of(design)
    _, rods, pose = opened(one)
    half = design.half_thickness_mm
    asked = sorted(bores_mm, reverse=True)
    if not asked or not design.crimped_bore_mm < asked[-1] <= asked[0] < design.diameter_mm:
        named = ", ".join(f"{bore:g}" for bore in bores_mm) or "no bore"
        raise InputError(
            f"Radial forces of {design.name} are asked at {named} mm; give bores "
            f"between {design.crimped_bore_mm:.2f} and {design.diameter_mm:g} mm."
        )
    rests: list[Squeezed] = []
    forces: list[list[float]] = [[], []]
    history = None
    for way, bores in enumerate((asked, (design.crimped_bore_mm, *reversed(asked)))):
        for bore in bores:
            rests = press(rods, pose, 0.5 * bore + half, history=history, last=rests)
            pose, history = rests[-1].pose, rests[-1].history
            if bore != design.crimped_bore_mm:
                forces[way].append(rests[-1].force / one.ring_height_mm(bore))
    return tuple(RadialForce(*row) for row in zip(asked, reversed(forces[1]), forces[0], strict=True))
