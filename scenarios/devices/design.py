"""StentDesign: the numbers that make a stent of crowns and bridges; Alloy: what it is cut from."""

import dataclasses
import math

from meshing.errors import InputError
from scenarios.devices.balloon import Balloon

STEEPEST_STRUT_DEG = 50.0
"""Beyond this angle from the stent's axis a ring of straight struts nears the end of its expansion."""


@dataclasses.dataclass(frozen=True)
class Alloy:
    """A metal that yields and then hardens linearly."""

    name: str
    young_modulus_pa: float
    yield_stress_pa: float
    tangent_modulus_pa: float
    """Slope of stress against total strain beyond yield [Pa]."""
    poisson_ratio: float
    density: float
    """[kg/m³]"""
    source: str


@dataclasses.dataclass(frozen=True)
class Nitinol:
    """A superelastic metal by the knees of its curve in tension, as `sim.rods.laws.Superelastic` takes them; at 37 °C."""

    name: str
    austenite_modulus_pa: float
    martensite_modulus_pa: float
    transformation_strain: float
    loading_start_pa: float
    loading_end_pa: float
    unloading_start_pa: float
    unloading_end_pa: float
    compression_start_pa: float
    poisson_ratio: float
    density: float
    """[kg/m³]"""
    source: str


SAC_SHARE = 0.5
"""Pressure in a sac that is sealed over the blood's [M]: from memory, unverified; it differs widely, and falls with time."""


@dataclasses.dataclass(frozen=True)
class Fabric:
    """What a covered stent is covered with, a thin sheet that bears tension alone.

    `sac_share` is the pressure behind it, where it seals, over the blood's.
    """

    thickness_mm: float
    young_modulus_pa: float
    poisson_ratio: float
    sac_share: float = SAC_SHARE


@dataclasses.dataclass(frozen=True)
class StentDesign:
    """A stent as rings of straight struts in zigzag, in phase with each other, joined by bridges.

    A ring has N crowns at each side and 2N struts of length L. Its vertices lie πD/(2N) apart on a circle of diameter D, so a
    strut leans from the stent's axis by α with sin α = πD / (2 N L), and the ring is L cos α high.

    Raises:
        InputError: the struts do not fit side by side on the crimped circle, the rings do not fit in the length, or the struts
            would be pulled all but straight at nominal diameter.
    """

    name: str
    family: str
    diameter_mm: float
    """Bore at nominal pressure, or where nothing holds a self-expanding stent."""
    length_mm: float
    """Labelled length, that of the crimped stent."""
    crimped_diameter_mm: float
    """Outer diameter, crimped on the folded balloon or within its sheath."""
    crowns: int
    """Crowns on one side of a ring, N."""
    rings: int
    strut_length_mm: float
    strut_width_mm: float
    """Along the circumference."""
    strut_thickness_mm: float
    """Along the radius."""
    bridges: int
    """Bridges in each gap between two rings."""
    alloy: Alloy | Nitinol
    source: str
    fabric: Fabric | None = None
    """Between its struts, over its whole length; None for a bare stent."""

    def __post_init__(self) -> None:
        room = math.pi * (self.crimped_diameter_mm - self.strut_thickness_mm)
        if 2 * self.crowns * self.strut_width_mm >= room:
            raise InputError(
                f"The {2 * self.crowns} struts of {self.strut_width_mm:g} mm of {self.name} do not fit on its crimped "
                f"circumference of {room:.2f} mm; give fewer crowns, thinner struts or a larger crimped diameter."
            )
        if not math.sin(math.radians(STEEPEST_STRUT_DEG)) > self._lean(self.diameter_mm + self.strut_thickness_mm):
            raise InputError(
                f"The struts of {self.name} are {self.strut_length_mm:g} mm long, too short to reach {self.diameter_mm:g} mm "
                f"with less than {STEEPEST_STRUT_DEG:g}° of lean; give longer struts or more crowns."
            )
        if self.rings < 1 or self.rings * self.crimped_ring_height_mm > self.length_mm * (1.0 + 1e-9):
            raise InputError(
                f"The {self.rings} rings of {self.crimped_ring_height_mm:.2f} mm of {self.name} do not fit in its "
                f"{self.length_mm:g} mm; give fewer rings or a longer stent."
            )

    def _lean(self, middle_diameter_mm: float) -> float:
        return math.pi * middle_diameter_mm / (2 * self.crowns * self.strut_length_mm)

    def strut_angle_deg(self, bore_mm: float) -> float:
        """Give a strut's lean from the stent's axis [degrees] when the stent's bore is so wide; reckoned at mid-strut.

        Raises:
            InputError: the bore is wider than straight struts reach.
        """
        lean = self._lean(bore_mm + self.strut_thickness_mm)
        if lean > 1:
            raise InputError(
                f"{self.name} cannot reach {bore_mm:g} mm; its struts are straight at {self.largest_diameter_mm:.2f} mm."
            )
        return math.degrees(math.asin(lean))

    def ring_height_mm(self, bore_mm: float) -> float:
        """Give the length of one ring along the axis [mm], L cos α, when the stent's bore is so wide."""
        return self.strut_length_mm * math.cos(math.radians(self.strut_angle_deg(bore_mm)))

    @property
    def crimped_bore_mm(self) -> float:
        """Inner diameter of the crimped stent, which is the outer diameter of a folded balloon in it [mm]."""
        return self.crimped_diameter_mm - 2.0 * self.strut_thickness_mm

    @property
    def crimped_ring_height_mm(self) -> float:
        """Length of one ring along the axis when crimped [mm]."""
        return self.ring_height_mm(self.crimped_bore_mm)

    @property
    def ring_gap_mm(self) -> float:
        """Gap between two rings of the crimped stent [mm]."""
        if self.rings == 1:
            return 0.0
        return (self.length_mm - self.rings * self.crimped_ring_height_mm) / (self.rings - 1)

    @property
    def largest_diameter_mm(self) -> float:
        """Bore at which the struts would be straight [mm], never to be reached."""
        return 2 * self.crowns * self.strut_length_mm / math.pi - self.strut_thickness_mm

    @property
    def half_thickness_mm(self) -> float:
        """Half of a strut's thickness [mm]: from a strut's middle line to its outer or inner face."""
        return 0.5 * self.strut_thickness_mm


@dataclasses.dataclass(frozen=True)
class DeliverySheath:
    """The outer tube of a delivery system, from which a self-expanding stent is released.

    Raises:
        InputError: it is not wider outside than inside.
    """

    french: float
    """Size of the delivery system; three French are a millimetre."""
    outer_diameter_mm: float
    bore_mm: float
    """Inner diameter, which is the outer one of the stent in it."""
    source: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.bore_mm < self.outer_diameter_mm:
            raise InputError(
                f"A sheath has a bore of {self.bore_mm:g} mm and is {self.outer_diameter_mm:g} mm wide outside; give it a wall "
                "above zero and thinner than half its diameter."
            )


@dataclasses.dataclass(frozen=True)
class Device:
    """A stent with what delivers it, a balloon or a sheath, as it comes out of the catalogue."""

    stent: StentDesign
    delivery: Balloon | DeliverySheath
    description: str
    vessel: str

    @property
    def name(self) -> str:
        """Name of the device: its family and its size, such as "balloon-expandable 8x30"."""
        return self.stent.name

    @property
    def is_self_expanding(self) -> bool:
        """Whether it opens by itself when its sheath is drawn back."""
        return isinstance(self.delivery, DeliverySheath)

    @property
    def opened(self) -> str:
        """What it is once it has been opened, which is the phase of a rehearsal in which it is open."""
        return "released" if self.is_self_expanding else "inflated"

    @property
    def balloon(self) -> Balloon:
        """The balloon under the stent.

        Raises:
            InputError: the stent is released from a sheath.
        """
        if isinstance(self.delivery, Balloon):
            return self.delivery
        raise InputError(
            f"{self.name} is released from a sheath and has no balloon under it; name a balloon-expandable stent instead."
        )

    @property
    def sheath(self) -> DeliverySheath:
        """The sheath about the stent.

        Raises:
            InputError: the stent is opened by a balloon.
        """
        if isinstance(self.delivery, DeliverySheath):
            return self.delivery
        raise InputError(f"{self.name} is opened by its balloon and has no sheath; name a self-expanding stent instead.")
