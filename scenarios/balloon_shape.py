"""The shape of the balloon that is full, for whoever draws it: what its chart, the struts and the wall leave it."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial import KDTree

from meshing.centrelines import arc_lengths
from scenarios.case import Case
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import Lattice
from scenarios.devices.several import balloon_called
from scenarios.passage.passage import Passage
from scenarios.procedure import STENT
from sim.solvers.device_parts import across


@dataclasses.dataclass(frozen=True, eq=False)
class BalloonShape:
    """A body of revolution [mm].

    Attributes
    ----------
    axis
        Points of its bent axis, shape (q, 3).
    radius
        Its outer radius there, 0 where it is folded away, shape (q,).
    """

    axis: np.ndarray
    radius: np.ndarray

    @classmethod
    def folded(cls, axis: np.ndarray) -> "BalloonShape":
        """A balloon that is folded away on an axis, shape (q, 3)."""
        return cls(np.asarray(axis, float), np.zeros(len(axis)))

    @property
    def is_open(self) -> bool:
        """Whether there is anything to be seen of it."""
        return bool((self.radius > 1e-6).any())


def balloon_shape(
    case: Case | Passage,
    vertices: np.ndarray,
    device: np.ndarray,
    pressures_atm: Mapping[str, float],
    catheter: np.ndarray | None = None,
) -> BalloonShape:
    """The balloon with the highest of some gauge pressures, by their names in commands; the stent's, folded, if there is none.

    Between the struts it is as wide as they leave it, about their middle, and a balloon without a stent no wider than the lumen;
    elsewhere as its chart says. A passage has no balloon: q is 0.

    vertices: the wall's, shape (n, 3) [mm]; device: the stents' nodes, one stent after the other, shape (k, 3) [mm]; catheter:
    the nodes of the one that it goes on, shape (q, 3) [mm], where there is one.
    """
    if isinstance(case, Passage):
        return BalloonShape.folded(np.zeros((0, 3)))
    full = max(pressures_atm, key=lambda name: pressures_atm[name], default=STENT)
    pressure = pressures_atm.get(full, 0.0)
    if pressure <= 0.0:
        return BalloonShape.folded(
            case.balloon_axis
            if case.over is None or case.sheathed is not None
            else _axis(case, case.balloon, case.balloon_axis, catheter)
        )
    dilation = next((one for one in case.dilations if one.name == full), None)
    number = next((number for number in range(len(case.stents)) if balloon_called(number) == full), 0)
    planned = case.stents[number].balloon_axis if dilation is None else dilation.axis_mm
    balloon = case.stents[number].balloon if dilation is None else dilation.balloon
    axis = _axis(case, balloon, planned, catheter)
    station = arc_lengths(axis)
    radius = np.full(len(axis), 0.5 * float(balloon.diameter(min(pressure, balloon.highest_pressure_atm))))
    own = None if dilation is not None else number
    within = range(len(case.stents) if own is None else own + 1) if dilation is None or dilation.in_stent else range(0)
    lots = [(case.stents[about].lattice, device[slice(*case.first_nodes[about : about + 2])]) for about in within]
    axis = _in_middle(axis, station, lots)
    if dilation is not None:
        radius = np.minimum(radius, _lumen_radius(axis, station, vertices[np.unique(case.mesh.face_sets["lumen"])]))
    for about, (lattice, nodes) in zip(within, lots, strict=True):
        radius = np.minimum(radius, _radius_in_stent(lattice, axis, station, nodes, beyond=about != own))
    return BalloonShape(axis, radius * _closing(balloon, station))


def _axis(case: Case, balloon: Balloon, planned: np.ndarray, catheter: np.ndarray | None) -> np.ndarray:
    """A balloon's axis: as planned, or along its catheter where that runs [mm], shape (q, 3)."""
    if case.over is None or catheter is None:
        return np.asarray(planned, float)
    return case.over.axis_mm(catheter, balloon)


def _in_middle(axis: np.ndarray, station: np.ndarray, lots: Sequence[tuple[Lattice, np.ndarray]]) -> np.ndarray:
    """An axis [mm], shape (q, 3), moved to where the middles of the rings about it are, as the engine has it.

    `lots` are stents and their nodes [mm].
    """
    places: list[tuple[float, np.ndarray]] = []
    for lattice, nodes in lots:
        nearest = np.asarray(KDTree(axis).query(nodes)[1])
        for ring in range(lattice.node_ring.max() + 1):
            on = lattice.node_ring == ring
            at = nearest[on]
            # A ring past an end lies nearest to the last point, and tells nothing of the axis.
            if at.min() > 0 and at.max() < len(axis) - 1:
                along = axis[at + 1] - axis[at - 1]
                along /= np.linalg.norm(along, axis=1, keepdims=True)
                places.append((float(station[at].mean()), across(nodes[on] - axis[at], along).mean(axis=0)))
    if not places:
        return axis
    order = np.argsort([at for at, _ in places])
    stations, shifts = np.array([places[k][0] for k in order]), np.array([places[k][1] for k in order])
    return axis + np.stack([np.interp(station, stations, column) for column in shifts.T], 1)


def _radius_in_stent(lattice: Lattice, axis: np.ndarray, station: np.ndarray, device: np.ndarray, *, beyond: bool) -> np.ndarray:
    """What the rings leave at each point of the axis; as wide as the last ring past the ends, or anything if `beyond` them."""
    distance, nearest = (np.asarray(one) for one in KDTree(axis).query(device))
    inner, ring = distance - lattice.half_thickness_mm, lattice.node_ring
    rings = np.unique(ring[ring >= 0])
    at = np.array([station[nearest][ring == one].mean() for one in rings])
    mean = np.array([inner[ring == one].mean() for one in rings])
    order = np.argsort(at)
    past = np.inf if beyond else None
    return np.interp(station, at[order], mean[order], left=past, right=past)


def _lumen_radius(axis: np.ndarray, station: np.ndarray, lumen: np.ndarray) -> np.ndarray:
    """Mean distance of the lumen from each point of an axis, from its vertices, shape (v, 3) [mm]."""
    distance, nearest = (np.asarray(one) for one in KDTree(axis).query(lumen))
    # Those past the ends lie nearest to the last points, and tell nothing of them.
    beside = (nearest > 0) & (nearest < len(axis) - 1)
    total = np.bincount(nearest[beside], distance[beside], len(axis))
    count = np.bincount(nearest[beside], minlength=len(axis))
    seen = count > 0
    if not seen.any():
        return np.full(len(axis), np.inf)
    return np.interp(station, station[seen], total[seen] / count[seen])


def _closing(balloon: Balloon, station: np.ndarray) -> np.ndarray:
    """Share of its radius that a balloon has at places of its axis [mm]: its shoulders close over the overhang at each end."""
    shoulder = max(balloon.overhang_mm, 0.5)
    to_end = np.minimum(station, station[-1] - station)
    return np.sqrt(np.clip(to_end / shoulder, 0.0, 1.0))
