"""The fabric of a covered stent: a sleeve whose vertices are nodes of its rings, and its mechanics for the engine."""

import dataclasses
import math

import numpy as np
from scipy.spatial import Delaunay

from scenarios.devices.design import StentDesign
from sim.device import Membrane

TIE_MM = 1e-5
"""Largest shift of a node by which ties between triangles are broken; it does not move the node itself."""

SLIVER_MM2 = 1e-3
"""Twice the area of a triangle that is left out as none."""

LEAST_EDGE_MM = 0.8
"""Length of a sleeve's edge at rest from which on its middle may touch the wall: shorter ones lie beside their nodes."""


def flat_places(design: StentDesign, places: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Stations [mm] and angles [rad], shape (n, 2), of nodes on the sleeve at rest, from those on the crimped stent.

    Rings are as high there as they are crimped and as far apart as they are open, since that is what each of both asks of the
    sleeve; so neither stretches it, though triangles across a ring's border are sheared a little. `ring` is that of each node,
    shape (n,).
    """
    bores = design.crimped_bore_mm, design.diameter_mm
    chords = [math.sin(math.pi / (2 * design.crowns)) * (bore + design.strut_thickness_mm) for bore in bores]
    crimped, opened = (math.sqrt(design.strut_length_mm**2 - chord**2) for chord in chords)
    return places + np.stack([(crimped - opened) * np.maximum(ring, 0), np.zeros(len(ring))], 1)


def sleeve(places: np.ndarray, radius_mm: float) -> np.ndarray:
    """Triangles, shape (t, 3), between nodes at stations [mm] and angles [rad], shape (n, 2), on a cylinder: Delaunay's.

    They close around the cylinder and reach from the first crowns to the last; all face outwards.
    """
    count, turn = len(places), 2.0 * np.pi
    # Symmetric rings have ties that would be broken otherwise in each turn; the same little shifts break them alike.
    aside = TIE_MM * np.random.default_rng(0).uniform(-1.0, 1.0, (count, 2))
    flat = np.concatenate([places * [1.0, radius_mm] + aside + [0.0, shift * turn * radius_mm] for shift in (0, -1, 1)])
    own = np.concatenate([np.arange(count)] * 3)
    found = Delaunay(flat).simplices
    angle = (flat[found] / radius_mm)[:, :, 1].mean(axis=1)
    low = places[:, 1].min()
    # Each triangle is there once for every turn; that with its middle in the first turn is kept.
    kept = found[(angle >= low) & (angle < low + turn)]
    first, second = (flat[kept[:, k]] - flat[kept[:, 0]] for k in (1, 2))
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    # The crowns at an end lie all but on one line, and Delaunay's hull makes slivers of them.
    wide = np.abs(area) > SLIVER_MM2
    kept, area = kept[wide], area[wide]
    return own[np.where((area < 0.0)[:, None], kept, kept[:, ::-1])].astype(int)


def rest_places(design: StentDesign, places: np.ndarray) -> np.ndarray:
    """Where nodes of `flat_places`, shape (n, 2), lie on the sleeve, which is as wide as the open stent [mm], shape (n, 3)."""
    radius = 0.5 * design.diameter_mm + design.half_thickness_mm
    return np.stack([radius * np.cos(places[:, 1]), radius * np.sin(places[:, 1]), places[:, 0]], 1)


def fabric_edges(triangles: np.ndarray, rest_mm: np.ndarray, bars: np.ndarray) -> np.ndarray:
    """Node pairs, shape (e, 2), of the sleeve's edges whose middles may touch the wall: long ones that are no struts."""
    edges = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1), axis=0)
    length = np.linalg.norm(rest_mm[edges[:, 0]] - rest_mm[edges[:, 1]], axis=1)
    size = len(rest_mm)
    struts = np.isin(edges @ [size, 1], np.sort(bars, axis=1) @ [size, 1])
    return edges[(length > LEAST_EDGE_MM) & ~struts]


def membranes_of(design: StentDesign, triangles: np.ndarray, places: np.ndarray, axis_mm: np.ndarray) -> tuple[Membrane, ...]:
    """A design's fabric for the engine, its nodes at rest where `flat_places` has them, shape (n, 2); none of a bare stent.

    `axis_mm` is that about which it lies, shape (q, 3) [mm].
    """
    if design.fabric is None or not len(triangles):
        return ()
    stiffness = design.fabric.young_modulus_pa * 1e-3 * design.fabric.thickness_mm
    rest = 1e-3 * rest_places(design, places)
    sheet = Membrane.of(rest, triangles, stiffness=stiffness, poisson=design.fabric.poisson_ratio)
    face, share = 1e-3 * design.half_thickness_mm, design.fabric.sac_share
    return (dataclasses.replace(sheet, axis=1e-3 * axis_mm, face=face, sac_share=share),)
