"""OverWire: a wire that lies across the lesion, and the catheter that goes over it with each balloon of a procedure in turn."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from meshing.centrelines import Path
from scenarios import catalogue
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import Dilation, place, rods_of
from scenarios.devices.several import Placed, balloon_called, stent_called
from scenarios.devices.wires import Wire, clearance_within
from sim.carrying import Carried, Carrier, Course
from sim.device import COAXIAL_FRICTION, DeviceBody, Mounted
from sim.tray import fed_wire, merged, together

WIRE, CATHETER = "wire", "catheter"
"""What commands and measures call the two."""

TIP_MM = 5.0
"""Length of catheter beyond a balloon's distal end, from memory [M]."""

BEHIND_MM = 20.0
"""How much more of both is simulated than the way is long: it stays in the guide."""

INSIDE_MM = 2.0
"""How far the wire's tip lies inside the vessel at first; the catheter's is at the entry."""

BEYOND_MM = 15.0
"""How far the wire's tip goes beyond the farthest place of the catheter's, where the vessel is long enough; chosen."""

BEFORE_END_MM = 5.0
"""How far before the end of the simulated wall the wire's tip stops, lest it slip out; chosen."""

WIRE_FRICTION, STRUT_FRICTION = 0.1, 0.2
"""Coulomb's coefficients of wires and of struts on the wall, from memory [M]."""


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
        """How much of wire and catheter is simulated, each."""
        return self.between_mm[1] - self.between_mm[0] + BEHIND_MM

    @property
    def lines(self) -> dict[str, Wire]:
        """The wire and the catheter by what they are called, in the order in which their nodes come after the stents'."""
        return {WIRE: catalogue.find_wire(self.wire), CATHETER: catalogue.find_wire(self.catheter)}

    def counts(self) -> dict[str, int]:
        """Number of nodes of the wire and of the catheter."""
        return {called: int(np.ceil(self.length_mm / one.spacing_mm - 1e-9)) + 1 for called, one in self.lines.items()}

    def middle_mm(self, length_mm: float) -> float:
        """Where the middle of a balloon of a length is along the simulated catheter from its proximal end."""
        return self.length_mm - TIP_MM - 0.5 * length_mm

    def goal_mm(self, stents: Sequence[Placed], dilations: Sequence[Dilation], path: Path) -> float:
        """Where the wire's tip is to be along the way: beyond the catheter's farthest place, or the vessel's end."""
        reach = [
            self.on_way(one.station_mm, path) + 0.5 * balloon.length_mm
            for one, balloon in (*((s, s.balloon) for s in stents), *((stents[0], d.balloon) for d in dilations))
        ]
        return min(max(reach) + TIP_MM + BEYOND_MM, self.between_mm[1] - BEFORE_END_MM)

    def body(self, stents_body: DeviceBody, stents: Sequence[Placed], dilations: Sequence[Dilation], path: Path) -> DeviceBody:
        """Stents and balloons, as they lie at the lesion, put on the catheter outside the vessel, and the wire in it.

        The stents' nodes come first, then the wire's, then the catheter's.
        """
        wire, catheter = self.lines.values()
        entry, inwards, _ = self.way(path).at(self.between_mm[0])
        straight = self._straight(entry, inwards)
        placed = [self._on_straight(one, straight) for one in stents]
        first = np.cumsum([0, *(len(one.lattice.nodes) for one in stents)])
        made = [rods_of(one.lattice, one.stent, 1e-3 * straight.points) for one in placed]
        balloons = {balloon_called(number): one.balloon for number, one in enumerate(stents)}
        balloons |= {one.name: one.balloon for one in dilations}
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

    def axis_mm(self, line_mm: np.ndarray, balloon: Balloon) -> np.ndarray:
        """A balloon's axis [mm], shape (p, 3), from the catheter's nodes, shape (q, 3) [mm]."""
        course = Course(
            np.arange(len(line_mm)), np.linspace(0.0, self.length_mm, len(line_mm)), line_mm, np.zeros((len(line_mm), 4))
        )
        middle, half = self.middle_mm(balloon.length_mm), 0.5 * balloon.length_mm
        return course.at(np.linspace(middle - half, middle + half, 81))

    def _straight(self, entry: np.ndarray, inwards: np.ndarray) -> Path:
        """The catheter as it lies before it goes in, from its proximal end or, where it comes from the far end, towards it."""
        stations = np.linspace(0.0, self.length_mm, 2 * int(self.length_mm) + 1)
        points = entry + (stations - self.length_mm)[:, None] * inwards
        tangents = np.broadcast_to(inwards, points.shape).copy()
        path = Path(points=points, tangents=tangents, radii=np.full(len(stations), 1e3), stations=stations)
        return path.reversed() if self.from_far_end else path

    def _on_straight(self, stent: Placed, straight: Path) -> Placed:
        middle = self.middle_mm(stent.balloon.length_mm)
        station = self.length_mm - middle if self.from_far_end else middle
        return dataclasses.replace(stent, lattice=place(stent.stent, straight, station_mm=station))

    def _mounted(self, mounted: Mounted, balloon: Balloon) -> Mounted:
        carrier = Carrier(CATHETER, 1e-3 * self.middle_mm(balloon.length_mm), 1e-3 * balloon.length_mm)
        return dataclasses.replace(mounted, carrier=carrier)

    def _line(self, called: str, wire: Wire, entry: np.ndarray, inwards: np.ndarray, inside_mm: float) -> DeviceBody:
        shape = wire.shape(self.length_mm, wire.spacing_mm)
        body = fed_wire(called, shape, entry=1e-3 * entry, direction=inwards, inside=1e-3 * inside_mm)
        return dataclasses.replace(body, sample_friction=np.full(len(body.sample_nodes), WIRE_FRICTION))

    def _wide(self, body: DeviceBody, stents: Sequence[Placed], dilations: Sequence[Dilation]) -> DeviceBody:
        """The catheter, as thick where it carries something as the widest of what it carries is when folded or crimped."""
        widths = [(0.5 * one.stent.crimped_bore_mm + one.stent.strut_thickness_mm, one.balloon) for one in stents]
        widths += [(0.5 * one.balloon.folded_diameter_mm, one.balloon) for one in dilations]
        along = 0.5 * (body.sample_nodes.sum(axis=1)) / (body.node_count - 1) * self.length_mm
        radius = body.sample_radius.copy()
        for width, balloon in widths:
            upon = np.abs(along - self.middle_mm(balloon.length_mm)) <= 0.5 * balloon.length_mm - balloon.overhang_mm
            radius[upon] = np.maximum(radius[upon], 1e-3 * width)
        return dataclasses.replace(body, sample_radius=radius)
