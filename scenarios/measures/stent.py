"""How a stent opened: the size of its rings, expansion, recoil, foreshortening, dog-boning, and what it presses with."""

import dataclasses

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure
from scenarios.measures.stations import stations_of

DIRECTIONS = 360  # directions in which a ring is measured


@dataclasses.dataclass(frozen=True)
class Ring:
    """The size of one ring of crowns, seen along the vessel, reckoned at its struts' middle line."""

    station_mm: float
    area_mm2: float
    min_diameter_mm: float
    max_diameter_mm: float

    @property
    def mean_diameter_mm(self) -> float:
        """Diameter of the circle of the same area, √(4A/π) [mm]."""
        return float(np.sqrt(4.0 * self.area_mm2 / np.pi))


def ring_nodes(struts: np.ndarray, strut_ring: np.ndarray) -> list[np.ndarray]:
    """Give the node numbers of each ring, in the order of the rings.

    `struts` (strut count, 2) node numbers, `strut_ring` (strut count,) the ring each strut belongs to, below 0 for bridges.
    """
    return [np.unique(struts[strut_ring == ring]) for ring in np.unique(strut_ring[strut_ring >= 0])]


def measure_ring(nodes: np.ndarray, path: Path, *, offset_mm: float = 0.0) -> Ring:
    """Measure a ring of nodes (node count, 3) [mm] in the plane across the path at the ring.

    The nodes' distances from their own middle are joined around it by straight lines in the angle, so that any number of
    crowns on a circle gives the circle's own area, A = ½ ∮ r² dθ. `offset_mm` is added to the distances: minus half a strut's
    thickness for the inner border, plus for the outer.

    Raises:
        InputError: there are fewer than three nodes.
    """
    if len(nodes) < 3:
        raise InputError(f"A ring of {len(nodes)} nodes has no area; give three or more.")
    station = float(stations_of(path, nodes.mean(axis=0)[None])[0])
    tangent = path.at(station)[1]
    seed = np.eye(3)[np.argmin(np.abs(tangent))]
    across = np.cross(seed, tangent) / np.linalg.norm(np.cross(seed, tangent))
    flat = (nodes - nodes.mean(axis=0)) @ np.column_stack([across, np.cross(tangent, across)])
    flat = flat - _middle(flat)
    angle = np.arctan2(flat[:, 1], flat[:, 0])
    directions = 2.0 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS - np.pi
    radius = np.interp(directions, *_sorted(angle, np.linalg.norm(flat, axis=1)), period=2.0 * np.pi) + offset_mm
    chords = radius + np.roll(radius, DIRECTIONS // 2)
    return Ring(station, float(np.pi * np.mean(radius**2)), float(chords.min()), float(chords.max()))


def _sorted(angle: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(angle)
    return angle[order], radius[order]


def _middle(flat: np.ndarray) -> np.ndarray:
    """Middle (2,) of a ring of points (k, 2): the centroid of the polygon through them, whatever their spacing."""
    order = np.argsort(np.arctan2(flat[:, 1], flat[:, 0]))
    here, onward = flat[order], np.roll(flat[order], -1, axis=0)
    cross = here[:, 0] * onward[:, 1] - here[:, 1] * onward[:, 0]
    if abs(cross.sum()) < 1e-12:
        return np.zeros(2)
    return ((here + onward) * cross[:, None]).sum(axis=0) / (3.0 * cross.sum())


def measure_rings(nodes: np.ndarray, rings: list[np.ndarray], path: Path, *, offset_mm: float = 0.0) -> list[Ring]:
    """Measure every ring, given by its node numbers."""
    return [measure_ring(nodes[numbers], path, offset_mm=offset_mm) for numbers in rings]


def stent_extent(nodes: np.ndarray, path: Path) -> tuple[float, float]:
    """Give the stations [mm] of a stent's proximal and distal end, over all its nodes (node count, 3) [mm]."""
    stations = stations_of(path, nodes)
    return float(stations.min()), float(stations.max())


def stent_length(nodes: np.ndarray, struts: np.ndarray, strut_ring: np.ndarray, path: Path) -> float:
    """Give a stent's length end to end along its path [mm], from the mean of one end's outer crowns to that of the other's.

    An outer crown is a node in the outer half of an end ring that lies farther out than every node to which a strut joins it.
    `nodes` (node count, 3) [mm]; `struts` and `strut_ring` as in `ring_nodes`.
    """
    stations = stations_of(path, nodes)
    order = sorted(np.unique(strut_ring[strut_ring >= 0]), key=lambda ring: stations[struts[strut_ring == ring]].mean())
    begin = -_outer_crowns(-stations, struts[strut_ring == order[0]])
    return float(_outer_crowns(stations, struts[strut_ring == order[-1]]) - begin)


def _outer_crowns(out: np.ndarray, struts: np.ndarray) -> float:
    """Mean of how far out the outer crowns of a ring lie, from that of all nodes (node count,) [mm]."""
    beyond = np.full(len(out), -np.inf)
    for one, other in ((0, 1), (1, 0)):
        np.maximum.at(beyond, struts[:, one], out[struts[:, other]])
    own = np.unique(struts)
    return float(out[own[(out[own] >= beyond[own]) & (out[own] >= np.median(out[own]))]].mean())


def recoil(inflated_mm: np.ndarray, after_mm: np.ndarray) -> np.ndarray:
    """Give the loss of diameter on deflation, 100 (D_inflated − D_after) / D_inflated [%], ring by ring."""
    inflated = np.asarray(inflated_mm, dtype=np.float64)
    return 100.0 * (inflated - np.asarray(after_mm, dtype=np.float64)) / inflated


def foreshortening(crimped_mm: float, after_mm: float) -> float:
    """Give the loss of length, 100 (L_crimped − L_after) / L_crimped [%]; below zero where the stent grew longer."""
    return 100.0 * (crimped_mm - after_mm) / crimped_mm


def dog_boning(diameters_mm: np.ndarray) -> float:
    """Give how much wider an end is than the middle, 100 (D_end − D_middle) / D_end [%], by the wider end.

    `diameters_mm` (ring count,), in order along the stent; the middle is its middle ring, or the mean of the two.

    Raises:
        InputError: there are fewer than three rings.
    """
    diameters = np.asarray(diameters_mm, dtype=np.float64)
    if len(diameters) < 3:
        raise InputError(f"A stent of {len(diameters)} rings has no middle ring between its ends; dog-boning needs three.")
    end = max(diameters[0], diameters[-1])
    middle = float(diameters[(len(diameters) - 1) // 2 : len(diameters) // 2 + 1].mean())
    return float(100.0 * (end - middle) / end)


def expansion(minimum_stent_area_mm2: float, *, reference_area_mm2: float) -> float:
    """Give minimum stent area over mean reference lumen area [%]."""
    return 100.0 * minimum_stent_area_mm2 / reference_area_mm2


def opening_findings(
    at_first: list[Ring] | None, after: list[Ring] | None, *, reference_area_mm2: float | None, opened: str = "inflated"
) -> Findings:
    """Give the measures of a stent's opening from its rings once it is open and after, measured at their inner border.

    `opened` tells how it was opened: "inflated" by a balloon, from which it recoils, or "released" from a sheath.
    """
    measures, notes = [], []
    if after is not None:
        smallest = min(after, key=lambda ring: ring.area_mm2)
        place = f"The ring at {smallest.station_mm:.1f} mm along the centreline."
        words = "Smallest area within the inner border of any ring of struts, after."
        measures.append(Measure("minimum stent area", smallest.area_mm2, "mm2", words, sources.INTRAVASCULAR_ULTRASOUND, place))
        if reference_area_mm2 is not None:
            share = expansion(smallest.area_mm2, reference_area_mm2=reference_area_mm2)
            words = "Minimum stent area over the mean of the proximal and distal reference lumen areas."
            measures.append(Measure("stent expansion", share, "%", words, sources.EXPANSION))
    for name, rings in ((opened, at_first), ("after", after)):
        if rings is None:
            notes.append(f"The stent could not be measured {name}: no such state was kept.")
            continue
        mean = float(np.mean([ring.mean_diameter_mm for ring in rings]))
        words = "Mean over the rings of the diameter of the circle with the area within their inner border."
        measures.append(Measure(f"stent diameter {name}", mean, "mm", words, sources.RECOIL))
    inflated = at_first if opened == "inflated" else None
    if inflated is not None and after is not None:
        lost = recoil(np.array([ring.mean_diameter_mm for ring in inflated]), np.array([ring.mean_diameter_mm for ring in after]))
        worst = int(np.argmax(lost))
        words = "100 (diameter inflated − diameter after) / diameter inflated, of the stent's rings"
        place = f"The ring at {after[worst].station_mm:.1f} mm along the centreline."
        measures.append(Measure("recoil", float(lost.mean()), "%", f"{words}, mean over the rings.", sources.RECOIL))
        measures.append(
            Measure("largest recoil", float(lost[worst]), "%", f"{words}, largest of any ring.", sources.RECOIL, place)
        )
    if inflated is not None and len(inflated) >= 3:
        words = "100 (diameter of the wider end − diameter of the middle) / diameter of the wider end, of the rings inflated."
        value = dog_boning(np.array([ring.mean_diameter_mm for ring in inflated]))
        measures.append(Measure("dog-boning", value, "%", words, sources.DOG_BONING))
    return Findings(tuple(measures), tuple(notes))


def length_findings(*, crimped_mm: float, after_mm: float) -> Findings:
    """Give the measures of a stent's length."""
    words = "100 (length crimped − length after) / length crimped, along the centreline."
    lost = foreshortening(crimped_mm, after_mm)
    return Findings(
        (Measure("foreshortening", lost, "%", words, sources.FORESHORTENING, f"{crimped_mm:.2f} to {after_mm:.2f} mm."),)
    )


def force_findings(contact_force_n: np.ndarray, *, length_mm: float, opened: str = "inflated") -> Findings:
    """Give the measures of what the stent presses on the wall with, after; `opened` is as in `opening_findings`.

    `contact_force_n` (contact count,) magnitudes or (contact count, 3) vectors [N], `length_mm` the stent's length.
    """
    forces = np.asarray(contact_force_n, dtype=np.float64)
    sizes = np.linalg.norm(forces, axis=1) if forces.ndim == 2 else np.abs(forces)
    if sizes.size == 0 or not np.isfinite(sizes).all():
        return Findings(notes=("The contact forces could not be measured: none were recorded.",))
    name, words = "contact force per length", "Sum of the contact forces between stent and wall over the stent's length, after."
    if opened == "released":
        name, words = "chronic outward force", f"{words[:-1]}: what it goes on pressing outwards with."
    peak = "Largest single contact force between stent and wall, after; it depends on how finely contact is sampled."
    return Findings(
        (
            Measure(name, float(sizes.sum() / length_mm), "N/mm", words, sources.RADIAL_LOAD),
            Measure("peak contact force", float(sizes.max()), "N", peak, sources.RADIAL_LOAD),
        )
    )
