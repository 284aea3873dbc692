"""Wire: a guidewire, a catheter or a sheath, how stiff it is along its length and how it lies when nothing holds it."""

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from meshing.errors import InputError
from scenarios.devices.sheet import Entry

if TYPE_CHECKING:
    from sim.rods.sections import Section
    from sim.tray import WireShape

Kind = Literal["guidewire", "catheter", "sheath"]
TipShape = Literal["straight", "J"]

SPACING_MM = 2.0
"""Longest element of a wire in the engine."""

BEHIND_MM = 20.0
"""How much more of a wire is simulated than the way is long: it stays in the guide."""

INSIDE_MM = 2.0
"""How far a wire's tip lies inside the vessel at first."""

LARGEST_TURN = 0.7
"""Most that a bend may turn within one element [rad]; there the nodes lie on an arc 2 % wider than the bend."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """A piece of a wire, from its distal to its proximal end. Between two stiffnesses EI grows as that of a ground cone does:

    the fourth root of EI runs straight along the piece, as the diameter of the core would.
    """

    name: str
    length_mm: float
    distal_stiffness: float
    """EI at the distal end [N·mm²]."""
    proximal_stiffness: float
    """EI at the proximal end [N·mm²]."""


@dataclasses.dataclass(frozen=True)
class Bend:
    """An arc in which a wire or catheter lies when nothing holds it. All bends of one lie in one plane."""

    angle_deg: float
    """How far it turns; bends of opposite sign turn opposite ways."""
    radius_mm: float
    """Of its middle line."""
    distance_mm: float = 0.0
    """From the arc's distal end to the tip, along the wire."""

    @property
    def arc_mm(self) -> float:
        """Length along the middle line [mm]."""
        return self.radius_mm * math.radians(abs(self.angle_deg))

    @property
    def reach_mm(self) -> float:
        """From the arc's proximal end to the tip, along the wire [mm]."""
        return self.distance_mm + self.arc_mm


@dataclasses.dataclass(frozen=True)
class Wire:
    """A guidewire, a catheter or a sheath.

    It is a rod of one elastic material. Its cross-section is round and filled, or a tube where there is a bore; Young's modulus
    is the effective one that gives the stated bending stiffness of the body, E = EI / I with I = π (D⁴ − d⁴)/64. Those against
    stretch, shear and twist follow from the same section and modulus, which for coils and braids is a guess. Where the wire is
    softer than its body, all six stiffnesses are less in the same proportion.

    Raises:
        InputError: a number is not above zero, the bore is not smaller than the outside, the tip is longer than the wire, or a
            bend is tighter than the wire is thick, overlaps another, or lies beyond the wire.
    """

    name: str
    family: str
    kind: Kind
    size: str
    """As it is called: "0.035 in", "6F"; a sheath is called after the largest catheter that it takes."""
    outer_diameter_mm: float
    lengths_mm: tuple[float, ...]
    """Lengths in which it is offered."""
    segments: tuple[Segment, ...]
    """From the tip to the body; the body reaches to the hand."""
    tip: TipShape = "straight"
    bends: tuple[Bend, ...] = ()
    bore_mm: float = 0.0
    """Inner diameter; nought for a wire without one."""
    poisson_ratio: float = 0.3
    description: str = ""
    vessel: str = ""
    sheet: tuple[Entry, ...] = ()
    """Every number with its range, source and tag."""

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_bends()

    @property
    def length_mm(self) -> float:
        """The longest on offer [mm]."""
        return max(self.lengths_mm)

    @property
    def inches(self) -> float:
        """Outer diameter [in]."""
        return self.outer_diameter_mm / 25.4

    @property
    def french(self) -> float:
        """Outer diameter in French, thirds of a millimetre."""
        return 3.0 * self.outer_diameter_mm

    @property
    def body(self) -> Segment:
        """The most proximal segment."""
        return self.segments[-1]

    @property
    def tip_length_mm(self) -> float:
        """Length of the most distal segment, or of all that is bent if that is longer [mm]."""
        return max(self.segments[0].length_mm, *(bend.reach_mm for bend in self.bends), 0.0)

    @property
    def second_moment_mm4(self) -> float:
        """I = π (D⁴ − d⁴)/64 [mm⁴]."""
        return math.pi * (self.outer_diameter_mm**4 - self.bore_mm**4) / 64.0

    @property
    def effective_modulus_pa(self) -> float:
        """Young's modulus with which the section has the body's bending stiffness [Pa]."""
        return 1e6 * self.body.proximal_stiffness / self.second_moment_mm4

    @property
    def spacing_mm(self) -> float:
        """Longest of its elements in the engine [mm]: a tight bend takes shorter ones."""
        return min([SPACING_MM, *(0.5 * bend.radius_mm for bend in self.bends)])

    def stiffness(self, distance_mm: np.ndarray) -> np.ndarray:
        """Bending stiffness EI [N·mm²] at distances from the tip along the wire [mm], of any shape."""
        distance = np.asarray(distance_mm, float)
        found = np.full(distance.shape, self.body.proximal_stiffness)
        start = 0.0
        for segment in self.segments:
            share = (distance - start) / segment.length_mm
            inside = (share >= 0.0) & (share < 1.0)
            found[inside] = _grown(segment, share[inside])
            start += segment.length_mm
        return found

    def turn(self, distance_mm: np.ndarray) -> np.ndarray:
        """Angle between the tip and the wire at distances from it along the wire [mm], when nothing holds it [rad]."""
        distance = np.asarray(distance_mm, float)
        total = np.zeros(distance.shape)
        for bend in self.bends:
            total += math.radians(bend.angle_deg) * np.clip((distance - bend.distance_mm) / bend.arc_mm, 0.0, 1.0)
        return total

    def course(self, length_mm: float, *, spacing_mm: float = 0.1) -> np.ndarray:
        """Where the distal part lies when nothing holds it [mm]: from the origin along x, bending towards y; shape (n, 2)."""
        edges = np.linspace(length_mm, 0.0, max(2, math.ceil(length_mm / spacing_mm) + 1))
        turned = self.turn(np.array([length_mm])) - self.turn(0.5 * (edges[:-1] + edges[1:]))
        steps = np.stack([np.cos(turned), np.sin(turned)], 1) * (edges[0] - edges[1])
        return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])

    def shape(self, length_mm: float, spacing_mm: float) -> "WireShape":
        """The distal part of this length as rods with elements no longer than the spacing; SI units, bends about the first axis.

        Each element has the mean flexibility and the whole turn of its piece, so neither depends on where elements begin.

        Raises:
            InputError: the part is longer than the wire or shorter than its tip, or the spacing too coarse for a bend.
        """
        from sim.rods.laws import LinearElastic
        from sim.tray import WireShape

        self._check_part(length_mm, spacing_mm)
        count = math.ceil(length_mm / spacing_mm - 1e-9)
        edges = np.linspace(length_mm, 0.0, count + 1)
        turns = -np.diff(self.turn(edges))
        if np.abs(turns).max() > LARGEST_TURN:
            tightest = min(bend.radius_mm for bend in self.bends)
            raise InputError(
                f"Elements of {spacing_mm:g} mm are too coarse for the bend of {tightest:g} mm radius of {self.name}; give a "
                f"spacing of {LARGEST_TURN * tightest:.2g} mm or less."
            )
        step = length_mm / count
        stiffness = step / -np.diff(self._flexibility(edges))
        curvature = np.zeros((count, 3))
        curvature[:, 0] = 1e3 * turns / step
        return WireShape(
            sections=self._sections(stiffness),
            law=LinearElastic(self.effective_modulus_pa, self.poisson_ratio),
            outer_radius=0.5e-3 * self.outer_diameter_mm,
            length=1e-3 * length_mm,
            count=count,
            natural_curvature=curvature,
        )

    def _sections(self, stiffness: np.ndarray) -> "tuple[Section, ...]":
        """Sections with these bending stiffnesses [N·mm²], shape (n,); equal ones are one object."""
        from sim.rods.sections import tubular

        whole = tubular(1e-3 * self.outer_diameter_mm, 1e-3 * self.bore_mm, poisson=self.poisson_ratio)
        made: dict[float, Section] = {}
        for share in np.round(stiffness / self.body.proximal_stiffness, 9).tolist():
            if share not in made:
                fibres = whole.fibres * np.array([share, 1.0, 1.0])
                made[share] = dataclasses.replace(
                    whole,
                    area=share * whole.area,
                    shear_areas=(share * whole.shear_areas[0], share * whole.shear_areas[1]),
                    second_moments=(share * whole.second_moments[0], share * whole.second_moments[1]),
                    torsion_constant=share * whole.torsion_constant,
                    fibres=fibres,
                )
        return tuple(made[share] for share in np.round(stiffness / self.body.proximal_stiffness, 9).tolist())

    def _flexibility(self, distance: np.ndarray) -> np.ndarray:
        """∫ ds / EI from the tip to distances along the wire [mm], [1/(N·mm)], like `distance`."""
        total, start = np.zeros(distance.shape), 0.0
        for number, segment in enumerate(self.segments):
            last = number == len(self.segments) - 1
            along = np.clip(distance - start, 0.0, None if last else segment.length_mm)
            thin, thick = segment.distal_stiffness**0.25, segment.proximal_stiffness**0.25
            if math.isclose(thin, thick, rel_tol=1e-9):
                total += along / segment.proximal_stiffness
            else:
                slope = (thick - thin) / segment.length_mm
                total += (thin**-3 - (thin + slope * along) ** -3) / (3.0 * slope)
            start += segment.length_mm
        return total

    def _check_sizes(self) -> None:
        numbers = [("outer diameter", self.outer_diameter_mm, "mm")]
        numbers += [("length", length, "mm") for length in self.lengths_mm]
        for segment in self.segments:
            numbers.append((f"length of the {segment.name}", segment.length_mm, "mm"))
            for stiffness in (segment.distal_stiffness, segment.proximal_stiffness):
                numbers.append((f"bending stiffness of the {segment.name}", stiffness, "N·mm²"))
        for label, value, unit in numbers:
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"The {label} of {self.name} is {value:g} {unit}; give one above zero.")
        if not 0.0 <= self.bore_mm < self.outer_diameter_mm:
            raise InputError(
                f"The bore of {self.name} is {self.bore_mm:g} mm; give one smaller than its outer diameter of "
                f"{self.outer_diameter_mm:g} mm, and not below zero."
            )
        if not -1.0 < self.poisson_ratio <= 0.5:
            raise InputError(f"Poisson's ratio of {self.name} is {self.poisson_ratio:g}; give one between −1 and 0.5.")
        soft, shortest = sum(segment.length_mm for segment in self.segments[:-1]), min(self.lengths_mm)
        if self.segments[0].length_mm >= shortest or soft >= shortest:
            what = "tip" if self.segments[0].length_mm >= shortest else "tip with its transition"
            length = self.segments[0].length_mm if what == "tip" else soft
            raise InputError(
                f"The {what} of {self.name} is {length:g} mm long, but its shortest length is {shortest:g} mm; give a shorter "
                "tip or a longer wire."
            )

    def _check_bends(self) -> None:
        what, before = ("J" if self.tip == "J" else "bend"), 0.0
        for bend in sorted(self.bends, key=lambda bend: bend.distance_mm):
            if not (math.isfinite(bend.angle_deg) and 0 < abs(bend.angle_deg) <= 360):
                raise InputError(
                    f"The angle of the {what} of {self.name} is {bend.angle_deg:g}°; give one above 0 and up to 360°."
                )
            if not bend.radius_mm >= 0.5 * self.outer_diameter_mm:
                raise InputError(
                    f"The radius of the {what} of {self.name} is {bend.radius_mm:g} mm, less than its own radius of "
                    f"{0.5 * self.outer_diameter_mm:g} mm; give a wider bend."
                )
            if not bend.distance_mm >= before * (1.0 - 1e-12):
                raise InputError(
                    f"The {what} of {self.name} begins {bend.distance_mm:g} mm from the tip, within another that reaches to "
                    f"{before:.4g} mm; give a distance of that or more."
                )
            before = bend.reach_mm
            if before > min(self.lengths_mm):
                raise InputError(
                    f"The {what} of {self.name} reaches to {before:.4g} mm from the tip, but its shortest length is "
                    f"{min(self.lengths_mm):g} mm; give a smaller bend or a longer wire."
                )

    def _check_part(self, length_mm: float, spacing_mm: float) -> None:
        for label, value in (("length", length_mm), ("spacing", spacing_mm)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"The {label} asked of {self.name} is {value:g} mm; give one above zero.")
        if length_mm > self.length_mm * (1.0 + 1e-9):
            raise InputError(
                f"{self.name} is {self.length_mm:g} mm long, less than the {length_mm:g} mm asked for; ask for less."
            )
        if length_mm < self.tip_length_mm * (1.0 - 1e-9):
            raise InputError(
                f"The distal {length_mm:g} mm of {self.name} do not hold its tip of {self.tip_length_mm:.4g} mm; ask for more."
            )


def _grown(segment: Segment, share: np.ndarray) -> np.ndarray:
    """EI [N·mm²] at shares of a segment from its distal end."""
    thin, thick = segment.distal_stiffness**0.25, segment.proximal_stiffness**0.25
    return (thin + share * (thick - thin)) ** 4


def clearance_within(inner: Wire, outer: Wire) -> float:
    """How far the middle lines of a wire and what it slides in may lie apart [m].

    Raises:
        InputError: the wire does not fit.
    """
    if inner.outer_diameter_mm >= outer.bore_mm:
        bore = f"has a bore of {outer.bore_mm:g} mm" if outer.bore_mm else "has no bore"
        raise InputError(
            f"{inner.name}, {inner.outer_diameter_mm:g} mm thick, does not fit into {outer.name}, which {bore}; name a wider "
            "one, and wires from the innermost to the outermost."
        )
    return 0.5e-3 * (outer.bore_mm - inner.outer_diameter_mm)
