"""Stents and other devices for the tests of the engine, built as a rehearsal builds them."""

import dataclasses
import math

import numpy as np

from meshing.centrelines import Path
from scenarios.catalogue import find
from scenarios.devices.balloon import Balloon
from scenarios.devices.design import StentDesign
from scenarios.devices.lattice import Lattice, device_body, place
from sim.device import DeviceBody
from sim.rods.network import Pose, RodNetwork
from tests.scenarios.shapes import straight_path

DRAG = 100.0
"""Resistance of each crown against moving [N·s/m]."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """A stent on its balloon about the z axis, and what it was made from."""

    design: StentDesign
    balloon: Balloon
    lattice: Lattice
    body: DeviceBody


def catalogue_stent(name: str = "balloon-expandable 6x15") -> tuple[StentDesign, Balloon]:
    """Stent and balloon from the catalogue."""
    device = find(name)
    return device.stent, device.balloon


def on_axis(
    design: StentDesign, balloon: Balloon, *, length_mm: float, lumen_mm: float, middle_mm: float | None = None
) -> Placed:
    """A stent placed about the z axis of a straight vessel of a length and lumen diameter, by default in its middle."""
    path = straight_path(length_mm, radius=0.5 * lumen_mm)
    lattice = place(design, path, station_mm=0.5 * length_mm if middle_mm is None else middle_mm)
    middle = 0.5 * length_mm if middle_mm is None else middle_mm
    covered = np.clip(middle + balloon.length_mm * np.linspace(-0.5, 0.5, 41), 0.0, length_mm)
    body = device_body(lattice, design, balloon, path.at(covered)[0], drag=DRAG)
    return Placed(design, balloon, lattice, body)


def one_ring(design: StentDesign, *, crowns: int, lean_deg: float, width_mm: float = 0.1) -> tuple[StentDesign, Path]:
    """A design of one ring whose struts are as long as before and lean so much; and a path to place it on."""
    across = 2 * crowns * design.strut_length_mm * math.sin(math.radians(lean_deg)) / math.pi
    ring = dataclasses.replace(
        design,
        crowns=crowns,
        rings=1,
        bridges=1,
        strut_width_mm=width_mm,
        crimped_diameter_mm=across + design.strut_thickness_mm,
        length_mm=design.strut_length_mm,
        diameter_mm=across,
    )
    return ring, straight_path(4.0 * design.strut_length_mm, radius=across)


def loose_points(points: np.ndarray, *, half_thickness: float) -> DeviceBody:
    """A device of nothing but nodes [m], shape (n, 3), each a sample point of its own: for the search of contacts."""
    count = len(points)
    nodes, none = np.arange(count), np.zeros(0, int)
    rods = RodNetwork(
        count, np.zeros((0, 2), int), np.zeros((0, 2, 4)), np.zeros(0), np.zeros((0, 6)), (), none, (), none
    )
    return DeviceBody(
        rods=rods, pose=Pose(points, np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))), sample_nodes=np.stack([nodes, nodes], 1),
        sample_along=np.zeros(count), sample_radius=np.full(count, half_thickness), drag=np.full(count, DRAG),
    )  # fmt: skip
