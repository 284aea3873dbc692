"""The C-arm: where the tube and the detector stand about the patient, and where a point falls on the detector.

Angles have DICOM's signs (positioner primary and secondary angle, PS3.3 C.8.7.5): LAO and CRA are positive, RAO and CAU
negative; at 0, 0 the detector stands before the patient. With a the primary and b the secondary angle the unit vector from the
isocentre to the detector is (sin a cos b, −cos a cos b, sin b) in LPS.
"""

import dataclasses
import math

import numpy as np

from meshing.errors import InputError


@dataclasses.dataclass(frozen=True)
class Gantry:
    """How far a C-arm goes: angles [degrees] and distances [mm], each from lowest to highest."""

    name: str
    primary_deg: tuple[float, float]
    secondary_deg: tuple[float, float]
    sid_mm: tuple[float, float]
    sod_mm: tuple[float, float]
    field_mm: tuple[float, float]


ANYWHERE = Gantry(
    "a C-arm without limits of angle", (-180.0, 180.0), (-90.0, 90.0), (600.0, 1500.0), (300.0, 1200.0), (20.0, 600.0)
)
FLOOR_MOUNTED = Gantry("a floor-mounted C-arm", (-117.0, 105.0), (-50.0, 45.0), (890.0, 1190.0), (700.0, 740.0), (100.0, 420.0))
"""After what 3D Slicer's virtual catheter laboratory lists for one; the field from memory, unverified."""


@dataclasses.dataclass(frozen=True)
class CArm:
    """A C-arm at rest.

    Attributes
    ----------
    lao_deg, cra_deg
        Positioner angles [degrees]; RAO and CAU are negative.
    isocentre
        The patient's point at the isocentre while the table is not shifted, shape (3,) (LPS) [mm].
    table_mm
        How far the table has carried the patient to the left, back and head, shape (3,) (LPS) [mm].
    sid_mm, sod_mm
        From the source to the detector and to the isocentre [mm].
    pixels
        Pixels along each side of the detector.
    field_mm
        Side of the detector's field [mm].
    gantry
        What it can do.

    Raises
    ------
    InputError
        If an angle or a distance is beyond the gantry.
    """

    lao_deg: float = 0.0
    cra_deg: float = 0.0
    isocentre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    table_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sid_mm: float = 1000.0
    sod_mm: float = 720.0
    pixels: int = 512
    field_mm: float = 200.0
    gantry: Gantry = ANYWHERE

    def __post_init__(self) -> None:
        arm = self.gantry
        for label, value, (low, high), unit in (
            ("The primary angle (LAO is positive)", self.lao_deg, arm.primary_deg, "°"),
            ("The secondary angle (CRA is positive)", self.cra_deg, arm.secondary_deg, "°"),
            ("The distance from source to detector", self.sid_mm, arm.sid_mm, " mm"),
            ("The distance from source to isocentre", self.sod_mm, arm.sod_mm, " mm"),
            ("The side of the field", self.field_mm, arm.field_mm, " mm"),
        ):
            if not low <= value <= high:
                raise InputError(f"{label} is {value:g}{unit}; {arm.name} goes from {low:g} to {high:g}{unit}.")
        if self.sid_mm <= self.sod_mm:
            raise InputError(
                f"The detector, {self.sid_mm:g} mm from the source, must lie beyond the isocentre at {self.sod_mm:g} mm."
            )
        if not 16 <= self.pixels <= 4096:
            raise InputError(f"The detector has {self.pixels} pixels a side; ask for 16 to 4096.")

    @property
    def label(self) -> str:
        """The angles as they are spoken: LAO 20 / CRA 10."""
        return view_label(self.lao_deg, self.cra_deg)

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel on the detector [mm]."""
        return self.field_mm / self.pixels

    @property
    def magnification(self) -> float:
        """Of what lies at the isocentre [1]."""
        return self.sid_mm / self.sod_mm

    @property
    def axes(self) -> np.ndarray:
        """Unit vectors of the picture in LPS, shape (3, 3): to its right, up, and from the isocentre to the detector."""
        a, b = math.radians(self.lao_deg), math.radians(self.cra_deg)
        beam = (math.sin(a) * math.cos(b), -math.cos(a) * math.cos(b), math.sin(b))
        right = (math.cos(a), math.sin(a), 0.0)
        up = (-math.sin(a) * math.sin(b), math.cos(a) * math.sin(b), math.cos(b))
        return np.array([right, up, beam])

    @property
    def source(self) -> np.ndarray:
        """Place of the tube's focus in the patient, shape (3,) (LPS) [mm]."""
        return np.subtract(self.isocentre, self.table_mm) - self.sod_mm * self.axes[2]

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the patient [mm] from the source: to the right, up, and along the central ray, shape (n, 3) [mm]."""
        return (np.asarray(points, float) - self.source) @ self.axes.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Columns and rows on the detector of points (n, 3) [mm], shape (n, 2) [pixels]; whole numbers are pixel centres.

        Raises
        ------
        InputError
            If a point does not lie before the source.
        """
        right, up, depth = self.seen(points).T
        if (depth <= 0.0).any():
            raise InputError(f"{int((depth <= 0.0).sum())} points lie beside or behind the X-ray source; shift the table.")
        scale, middle = self.sid_mm / self.pixel_mm, 0.5 * (self.pixels - 1)
        return np.stack([middle + scale * right / depth, middle - scale * up / depth], axis=1)

    def slants(self) -> np.ndarray:
        """Length of each pixel's ray for a length of 1 along the central ray, shape (pixels, pixels) [1]."""
        side = (np.arange(self.pixels) - 0.5 * (self.pixels - 1)) * self.pixel_mm / self.sid_mm
        return np.sqrt(1.0 + side[:, None] ** 2 + side[None, :] ** 2)


def view_label(lao_deg: float, cra_deg: float) -> str:
    """Angles [degrees] as they are spoken: LAO 20 / CRA 10, RAO 30 / CAU 15, AP for none of either."""
    primary = f"{'LAO' if lao_deg >= 0 else 'RAO'} {abs(lao_deg):.0f}"
    secondary = f"{'CRA' if cra_deg >= 0 else 'CAU'} {abs(cra_deg):.0f}"
    return f"{primary} / {secondary}"


def angles_of(direction: np.ndarray) -> tuple[float, float]:
    """Primary and secondary angle [degrees] at which the detector lies in a direction (3,) (LPS) from the isocentre."""
    x, y, z = np.asarray(direction, float) / np.linalg.norm(direction)
    secondary = math.degrees(math.asin(min(max(z, -1.0), 1.0)))
    return (math.degrees(math.atan2(x, -y)) if math.hypot(x, y) > 1e-12 else 0.0), secondary


def foreshortening(axis: np.ndarray, lao_deg: float, cra_deg: float) -> float:
    """Share of the length of an axis (3,) (LPS) that is lost in a view: 1 − sin of the angle between, 0 when seen squarely."""
    along = float(CArm(lao_deg, cra_deg).axes[2] @ np.asarray(axis, float)) / float(np.linalg.norm(axis))
    return 1.0 - math.sqrt(max(1.0 - along * along, 0.0))


def squarest_view(axis: np.ndarray, *, near: tuple[float, float] = (0.0, 0.0), gantry: Gantry = ANYWHERE) -> tuple[float, float]:
    """Primary and secondary angle [degrees] at which an axis (3,) (LPS) is least foreshortened, the nearest to a view.

    Of the great circle of directions square to the axis it is the point nearest to `near`; where the gantry does not reach it,
    that of the gantry's views with the least foreshortening, on a grid of one degree.
    """
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    start = CArm(*near).axes[2]
    square = start - (start @ axis) * axis
    if np.linalg.norm(square) < 1e-9:
        square = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    angles = angles_of(square)
    (low, high), (down, up) = gantry.primary_deg, gantry.secondary_deg
    if low <= angles[0] <= high and down <= angles[1] <= up:
        return angles
    a, b = np.meshgrid(np.radians(np.arange(low, high + 0.5)), np.radians(np.arange(down, up + 0.5)), indexing="ij")
    views = np.stack([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)], axis=-1)
    # Among equally good views the one nearest to where the C-arm stands.
    cost = np.round(np.abs(views @ axis), 3) - 1e-4 * (views @ start)
    place = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return float(np.degrees(a[place])), float(np.degrees(b[place]))


def coplanar_secondary(normal: np.ndarray, lao_deg: float | np.ndarray) -> np.ndarray:
    """Secondary angle [degrees] at which a plane of normal (3,) (LPS), such as an annulus, is seen edge-on at primary angles.

    tan b = (n_y cos a − n_x sin a) / n_z.

    Raises
    ------
    InputError
        If the normal lies in the axial plane, where the curve is one primary angle for all secondary ones.
    """
    x, y, z = np.asarray(normal, float) / np.linalg.norm(normal)
    if abs(z) < 1e-9:
        raise InputError(
            "The plane stands upright in the patient: it is seen edge-on at one primary angle, whatever the secondary."
        )
    a = np.radians(lao_deg)
    return np.degrees(np.arctan((y * np.cos(a) - x * np.sin(a)) / z))
