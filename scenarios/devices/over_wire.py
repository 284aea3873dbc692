"""OverWire: a wire that lies across the lesion, and the catheter that goes over it with each balloon of a procedure in turn."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from meshing.centrelines import Path
from scenarios import catalogue
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import Dilation, place, rods_of
from scenarios.devices.self_expanding import BEYOND_MM as SHEATH_BEYOND_MM
from scenarios.devices.self_expanding import in_sheath, opened
from scenarios.devices.several import Placed, balloon_called, sheath_called, stent_called
from scenarios.devices.wires import BEHIND_MM, INSIDE_MM, Wire, clearance_within
from sim.carrying import Carried, Carrier, Course
from sim.device import COAXIAL_FRICTION, DeviceBody, Mounted, Sheath
from sim.rods.network import Pose, RodNetwork
from sim.tray import fed_wire, merged, together

WIRE, CATHETER = "wire", "catheter"
"""What commands and measures call the two."""

TIP_MM = 5.0
"""Length of catheter beyond a balloon's distal end, from memory [M]."""

BEYOND_MM = 15.0
"""How far the wire's tip goes beyond the farthest place of the catheter's, where the vessel is long enough; chosen."""

BEFORE_END_MM = 5.0
"""How far before the end of the simulated wall the tip of a wire with a J stops, lest it hook behind it; chosen."""

FREE_MM = 70.0
"""How far a straight wire may run on beyond the simulated wall, where nothing meets it, so that its stiff body lies across the
lesion and not its soft tip; chosen: tip and transition of the stiff 0.035 in wires."""

WIRE_FRICTION, STRUT_FRICTION = 0.1, 0.2
"""Coulomb's coefficients of wires and of struts on the wall, from memory [M]."""


def bearing_mm(stent: Placed) -> float:
    """Length of catheter that bears a stent: that of its balloon, or of its sheath about it."""
    return stent.balloon.length_mm if stent.sheathed is None else stent.stent.length_mm + 2.0 * SHEATH_BEYOND_MM


@dataclasses.dataclass(frozen=True)
class OverWire:
    """What devices go over, and whence.

    Attributes
    ----------
    wire, catheter
        Names in the catalogue.
    from_far_end
        Whether both come from the far end of the path, else from its root.
    between_mm
        Where the simulated wall begins and ends along the way from the access, which is the path or its reverse.
    coaxial_friction
        Coulomb's coefficient between the two.
    """

    wire: str
    catheter: str
    from_far_end: bool
    between_mm: tuple[float, float]
    coaxial_friction: float = COAXIAL_FRICTION

    def way(self, path: Path) -> Path:
        """The path from the access on."""
        return path.reversed() if self.from_far_end else path

    def on_way(self, station_mm: float, path: Path) -> float:
        """A station of the path as one of the way [mm]."""
        return path.length - station_mm if self.from_far_end else station_mm

    @property
    def length_mm(self) -> float:
        """How much of the catheter is simulated, and of the wire without what may run on beyond the wall."""
        return self.between_mm[1] - self.between_mm[0] + BEHIND_MM

    @property
    def lines(self) -> dict[str, Wire]:
        """The wire and the catheter by what they are called, in the order in which their nodes come after the stents'."""
        return {WIRE: catalogue.find_wire(self.wire), CATHETER: catalogue.find_wire(self.catheter)}

    @property
    def free_mm(self) -> float:
        """How far the wire may run on beyond the simulated wall: with its soft part, where that is straight."""
        wire = self.lines[WIRE]
        return min(sum(one.length_mm for one in wire.segments[:-1]), FREE_MM) if wire.tip == "straight" else 0.0

    def lengths_mm(self) -> dict[str, float]:
        """How much of the wire and of the catheter is simulated."""
        return {WIRE: self.length_mm + self.free_mm, CATHETER: self.length_mm}

    def counts(self) -> dict[str, int]:
        """Number of nodes of the wire and of the catheter."""
        lengths = self.lengths_mm()
        return {called: int(np.ceil(lengths[called] / one.spacing_mm - 1e-9)) + 1 for called, one in self.lines.items()}

    def middle_mm(self, length_mm: float) -> float:
        """Where the middle of a balloon of a length is along the simulated catheter from its proximal end."""
        return self.length_mm - TIP_MM - 0.5 * length_mm

    def goals_mm(self, stents: Sequence[Placed], dilations: Sequence[Dilation], path: Path) -> tuple[float, float]:
        """Where the wire's tip is to be along the way within the wall, and how far it is pushed on from there.

        Its soft part is to lie beyond the catheter's farthest place, and at least `BEYOND_MM` of it.
        """
        reach = [
            self.on_way(one.station_mm, path) + 0.5 * length
            for one, length in (
                *((one, bearing_mm(one)) for one in stents), *((stents[0], one.balloon.length_mm) for one in dilations)
            )
        ]  # fmt: skip
        wanted, last = max(reach) + TIP_MM + max(BEYOND_MM, self.free_mm), self.between_mm[1] - BEFORE_END_MM
        return min(wanted, last), max(wanted - last, 0.0) if self.free_mm else 0.0

    def body(self, stents_body: DeviceBody, stents: Sequence[Placed], dilations: Sequence[Dilation], path: Path) -> DeviceBody:
        """Stents and balloons, as they lie at the lesion, put on the catheter outside the vessel, and the wire in it.

        The stents' nodes come first, then the wire's, then the catheter's.
        """
        wire, catheter = self.lines.values()
        entry, inwards, _ = self.way(path).at(self.between_mm[0])
        straight = self._straight(entry, inwards)
        first = np.cumsum([0, *(len(one.lattice.nodes) for one in stents)])
        made = [self._on_straight(one, straight) for one in stents]
        balloons = {balloon_called(number): one.balloon for number, one in enumerate(stents) if one.sheathed is None}
        balloons |= {one.name: one.balloon for one in dilations}
        sheaths = {sheath_called(number): (number, one) for number, one in enumerate(stents)}
        pose = made[0][1]
        if len(made) > 1:
            pose = dataclasses.replace(
                pose,
                position=np.concatenate([one.position for _, one in made]),
                rotation=np.concatenate([one.rotation for _, one in made]),
            )
        carried = dataclasses.replace(
            stents_body,
            rods=merged([rods for rods, _ in made]),
            pose=pose,
            balloons=tuple(self._mounted(one, balloons[one.name]) for one in stents_body.balloons),
            sheaths=tuple(self._sheath(one, *sheaths[one.name]) for one in stents_body.sheaths),
            entering=(),
            carried=tuple(
                Carried(stent_called(number), np.arange(first[number], first[number + 1]), CATHETER)
                for number in range(len(stents))
            ),
            sample_friction=np.full(len(stents_body.sample_nodes), STRUT_FRICTION),
        )
        lines = [
            self._line(WIRE, wire, entry, inwards, INSIDE_MM),
            self._wide(self._line(CATHETER, catheter, entry, inwards, 0.0), stents, dilations),
        ]
        gap = clearance_within(wire, catheter)
        return together([carried, *lines], [(WIRE, CATHETER, gap)], friction=self.coaxial_friction)

    def sheath_end_mm(self, stent: Placed) -> float:
        """Where a stent's sheath ends at first along the simulated catheter from its proximal end."""
        return self.middle_mm(bearing_mm(stent)) + 0.5 * bearing_mm(stent)

    def axis_mm(self, line_mm: np.ndarray, balloon: Balloon) -> np.ndarray:
        """A balloon's axis [mm], shape (p, 3), from the catheter's nodes, shape (q, 3) [mm]."""
        middle, half = self.middle_mm(balloon.length_mm), 0.5 * balloon.length_mm
        return self._along(line_mm, np.linspace(middle - half, middle + half, 81))

    def sheath_axis_mm(self, line_mm: np.ndarray, stent: Placed) -> np.ndarray:
        """The way of a stent's sheath from the hand to its end [mm], shape (p, 3), from the catheter's nodes, (q, 3) [mm]."""
        end = self.sheath_end_mm(stent)
        return self._along(line_mm, np.linspace(0.0, end, max(2, round(2.0 * end))))

    def _along(self, line_mm: np.ndarray, stations: np.ndarray) -> np.ndarray:
        every = np.linspace(0.0, self.length_mm, len(line_mm))
        return Course(np.arange(len(line_mm)), every, line_mm, np.zeros((len(line_mm), 4))).at(stations)

    def _straight(self, entry: np.ndarray, inwards: np.ndarray) -> Path:
        """The catheter as it lies before it goes in, from its proximal end on."""
        stations = np.linspace(0.0, self.length_mm, 2 * int(self.length_mm) + 1)
        points = entry + (stations - self.length_mm)[:, None] * inwards
        tangents = np.broadcast_to(inwards, points.shape).copy()
        return Path(points=points, tangents=tangents, radii=np.full(len(stations), 1e3), stations=stations)

    def _on_straight(self, stent: Placed, straight: Path) -> tuple[RodNetwork, Pose]:
        """A stent's rods and pose on the catheter outside the vessel, its rings in the order of the path; in its sheath, from
        the hand on."""
        middle = self.middle_mm(bearing_mm(stent))
        if stent.sheathed is not None:
            return opened(stent.stent)[1], in_sheath(stent.stent, straight, station_mm=middle)[1].pose
        line, station = (straight.reversed(), self.length_mm - middle) if self.from_far_end else (straight, middle)
        return rods_of(place(stent.stent, line, station_mm=station), stent.stent, 1e-3 * line.points)

    def _sheath(self, sheath: Sheath, number: int, stent: Placed) -> Sheath:
        end = 1e-3 * self.sheath_end_mm(stent)
        return dataclasses.replace(sheath, rides=stent_called(number), carrier=Carrier(CATHETER, 0.5 * end, end))

    def _mounted(self, mounted: Mounted, balloon: Balloon) -> Mounted:
        carrier = Carrier(CATHETER, 1e-3 * self.middle_mm(balloon.length_mm), 1e-3 * balloon.length_mm)
        return dataclasses.replace(mounted, carrier=carrier)

    def _line(self, called: str, wire: Wire, entry: np.ndarray, inwards: np.ndarray, inside_mm: float) -> DeviceBody:
        shape = wire.shape(self.lengths_mm()[called], wire.spacing_mm)
        body = fed_wire(called, shape, entry=1e-3 * entry, direction=inwards, inside=1e-3 * inside_mm)
        return dataclasses.replace(body, sample_friction=np.full(len(body.sample_nodes), WIRE_FRICTION))

    def _wide(self, body: DeviceBody, stents: Sequence[Placed], dilations: Sequence[Dilation]) -> DeviceBody:
        """The catheter, as thick where it carries something as the widest of what it carries is when folded or crimped."""
        widths = [
            (0.5 * one.stent.crimped_bore_mm + one.stent.strut_thickness_mm, one.balloon.length_mm, one.balloon.overhang_mm)
            if one.sheathed is None
            else (0.5 * one.device.sheath.outer_diameter_mm, bearing_mm(one), 0.0)
            for one in stents
        ]
        widths += [(0.5 * one.balloon.folded_diameter_mm, one.balloon.length_mm, one.balloon.overhang_mm) for one in dilations]
        along = 0.5 * (body.sample_nodes.sum(axis=1)) / (body.node_count - 1) * self.length_mm
        radius = body.sample_radius.copy()
        for width, length, overhang in widths:
            upon = np.abs(along - self.middle_mm(length)) <= 0.5 * length - overhang
            radius[upon] = np.maximum(radius[upon], 1e-3 * width)
        return dataclasses.replace(body, sample_radius=radius)
