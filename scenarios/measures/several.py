"""The measures of one stent, or of each of several and of all together: opening, length, apposition, prolapse, force, overlap."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scenarios.case import Case
from scenarios.devices.several import balloon_called, stent_called
from scenarios.measures import sources
from scenarios.measures.apposition import apposition, apposition_findings
from scenarios.measures.lumen import Lesion
from scenarios.measures.measure import Findings, Measure
from scenarios.measures.prolapse import prolapse, prolapse_findings
from scenarios.measures.sealing import seal, sealing_findings
from scenarios.measures.stations import stations_of
from scenarios.measures.stent import (
    Ring,
    force_findings,
    length_findings,
    measure_rings,
    opening_findings,
    ring_nodes,
    stent_extent,
    stent_length,
)
from scenarios.procedure import phase_of

if TYPE_CHECKING:
    from scenarios.recording import Frame

OF_ALL = ("minimum stent area", "stent expansion", "stent diameter after", "recoil", "largest recoil")
"""What of the opening is also told of all stents together: each ring against itself when its own stent was just opened."""

IN_ANOTHER = (
    "Of a stent that was opened within another, struts in the overlap are left out of the apposition: they lie on the other's "
    "struts, not on the wall."
)


def extents_of(case: Case, frame: "Frame") -> list[tuple[float, float]]:
    """Stations of the proximal and distal end [mm] of each stent that is in the vessel at a sampled state, over its nodes."""
    first = case.first_nodes
    return [
        stent_extent(frame.device[first[number] : first[number + 1]], case.path)
        for number in range(len(case.stents))
        if stent_called(number) not in frame.waiting
    ]


def stents_findings(case: Case, frames: "Mapping[str, Frame]", lesion: Lesion | None, *, with_forces: bool) -> Findings:
    """Give the measures of all stents of a case from its sampled states by phase.

    Of a single stent they have plain names; of several each one's begin with "stent 1: " and so on, and what is told of all
    together has a plain name.
    """
    if len(case.stents) == 1:
        return _of_one(case, 0, frames, lesion, with_forces=with_forces)
    findings, last = Findings(), list(frames.values())[-1]
    for number in range(len(case.stents)):
        name = stent_called(number)
        if name in last.waiting:
            findings += Findings(notes=(f"There are no measures of {name}: the run stopped before it was placed.",))
            continue
        own = _of_one(case, number, frames, lesion, with_forces=with_forces)
        named = (dataclasses.replace(one, name=f"{name}: {one.name}") for one in own.measures)
        findings += Findings(tuple(named), tuple(f"Of {name}: {note}" for note in own.notes))
    return findings + _of_all(case, frames, lesion)


def _of_one(case: Case, number: int, frames: "Mapping[str, Frame]", lesion: Lesion | None, *, with_forces: bool) -> Findings:
    stent, half = case.stents[number], float(case.stents[number].lattice.half_thickness_mm)
    first, last = case.first_nodes[number : number + 2]
    struts = np.asarray(stent.lattice.struts)
    rings = ring_nodes(struts, np.asarray(stent.lattice.strut_ring))
    opened, shapes = stent.device.opened, _shapes(case, number, frames)
    area = None if lesion is None else lesion.reference_area_mm2
    findings = opening_findings(shapes.get(opened), shapes.get("after"), reference_area_mm2=area, opened=opened)
    after = frames.get("after")
    if after is None:
        return findings
    nodes = after.device[first:last]
    ring = np.asarray(stent.lattice.strut_ring)
    crimped, length = (stent_length(np.asarray(one), struts, ring, case.path) for one in (stent.lattice.nodes, nodes))
    findings += length_findings(crimped_mm=crimped, after_mm=length)
    against = {"vertices": after.vertices, "triangles": case.mesh.face_sets["lumen"], "half_thickness_mm": half}
    on_wall = _on_wall(case, number, after)
    if on_wall.any():
        findings += apposition_findings(apposition(nodes, struts[on_wall], path=case.path, **against), half_thickness_mm=half)
        findings += Findings(notes=(IN_ANOTHER,) * (not on_wall.all()))
    findings += prolapse_findings(*prolapse(nodes, rings, case.path, **against))
    if stent.stent.fabric is not None:
        height = stent.stent.ring_height_mm(min(shapes["after"][0].mean_diameter_mm, stent.stent.largest_diameter_mm))
        findings += sealing_findings(seal(nodes, stent.lattice.fabric, case.path, **against), ring_height_mm=height)
    if not with_forces:
        return findings
    begin, end = case.first_samples[number : number + 2]
    return findings + force_findings(after.contact_force[begin:end], length_mm=length, opened=opened)


def _shapes(case: Case, number: int, frames: "Mapping[str, Frame]") -> dict[str, list[Ring]]:
    """The rings of one stent once it is open, and after, at their inner border."""
    stent, path = case.stents[number], case.path
    first, last = case.first_nodes[number : number + 2]
    rings = ring_nodes(np.asarray(stent.lattice.struts), np.asarray(stent.lattice.strut_ring))
    opened = stent.device.opened
    phases = {opened: phase_of(balloon_called(number), opened), "after": "after"}
    return {
        phase: measure_rings(frames[told].device[first:last], rings, path, offset_mm=-float(stent.lattice.half_thickness_mm))
        for phase, told in phases.items()
        if told in frames
    }


def _on_wall(case: Case, number: int, frame: "Frame") -> np.ndarray:
    """Which elements of one stent's struts do not lie within a stent that was opened before it, shape (s,)."""
    stent, first = case.stents[number], case.first_nodes
    nodes = frame.device[first[number] : first[number + 1]]
    middle = stations_of(case.path, nodes[stent.lattice.struts].mean(axis=1))
    found = np.ones(len(middle), bool)
    for start, end in extents_of(case, frame)[:number]:
        found &= (middle < start) | (middle > end)
    return found


def _of_all(case: Case, frames: "Mapping[str, Frame]", lesion: Lesion | None) -> Findings:
    """What is told of all stents together, and how far neighbours overlap."""
    after = frames.get("after")
    if after is None:
        return Findings()
    shapes = [_shapes(case, number, frames) for number in range(len(case.stents))]
    area, ways = None if lesion is None else lesion.reference_area_mm2, {one.device.opened for one in case.stents}
    # Recoil is told of all together where all were on balloons.
    opened = "inflated" if ways == {"inflated"} else "released"
    at_first = [ring for one, stent in zip(shapes, case.stents, strict=True) for ring in one.get(stent.device.opened, [])]
    at_last = [ring for one in shapes for ring in one.get("after", [])]
    opening = opening_findings(at_first, at_last, reference_area_mm2=area, opened=opened).measures
    findings = Findings(tuple(one for one in opening if one.name in OF_ALL))
    first, parts = case.first_nodes, []
    for number, stent in enumerate(case.stents):
        parts.append(stent.lattice.struts[_on_wall(case, number, after)] + first[number])
    half = max(float(one.lattice.half_thickness_mm) for one in case.stents)
    found = apposition(
        after.device, np.concatenate(parts), path=case.path, vertices=after.vertices, triangles=case.mesh.face_sets["lumen"],
        half_thickness_mm=half,
    )  # fmt: skip
    return findings + apposition_findings(found, half_thickness_mm=half) + _overlaps(case, after)


def _overlaps(case: Case, after: "Frame") -> Findings:
    """How far each stent and the next along the vessel overlap, or the gap between them, between their outermost nodes."""
    extents = extents_of(case, after)
    order = sorted(range(len(extents)), key=lambda number: extents[number])
    measures = []
    for one, other in itertools.pairwise(order):
        shared = min(extents[one][1], extents[other][1]) - extents[other][0]
        pair = f"{stent_called(one)} and {stent_called(other)}"
        place = f"{stent_called(one)} ends at {extents[one][1]:.1f}, {stent_called(other)} begins at {extents[other][0]:.1f} mm."
        name, words = ("overlap of", "within one another") if shared >= 0.0 else ("gap between", "between their ends")
        words = f"Length along the centreline {words}, over all their nodes, after."
        measures.append(Measure(f"{name} {pair}", abs(shared), "mm", words, sources.OWN, place.capitalize()))
    return Findings(tuple(measures))
