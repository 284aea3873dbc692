"""The C-arm: DICOM's signs, where landmarks fall, how far it goes, and the views that show a segment or an annulus best."""

import numpy as np
import pytest

from meshing.errors import InputError
from viewer.xray.carm import (
    FLOOR_MOUNTED,
    CArm,
    angles_of,
    coplanar_secondary,
    foreshortening,
    squarest_view,
    view_label,
)


def turned(axis: int, angle: float) -> np.ndarray:
    """Rotation by an angle [rad] about an axis."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[j, j], matrix[i, j], matrix[j, i] = c, c, -s, s
    return matrix


def projected(points: np.ndarray, carm: CArm) -> np.ndarray:
    """Where points fall, by turning the patient under a C-arm that stays at AP instead of turning the C-arm."""
    a, b = np.radians(carm.lao_deg), np.radians(carm.cra_deg)
    # LAO turns the detector from the front to the left; then CRA tips it from the front to the head.
    still = turned(0, b) @ turned(2, -a)
    seen = (points - np.array(carm.isocentre) + np.array(carm.table_mm)) @ still.T
    depth = carm.sod_mm - seen[:, 1]
    pitch = carm.field_mm / carm.pixels
    return np.stack(
        [
            (carm.pixels - 1) / 2 + carm.sid_mm * seen[:, 0] / depth / pitch,
            (carm.pixels - 1) / 2 - carm.sid_mm * seen[:, 2] / depth / pitch,
        ],
        axis=1,
    )


@pytest.mark.parametrize(
    ("lao", "cra", "beam", "up"),
    [
        (0, 0, (0, -1, 0), (0, 0, 1)),
        (90, 0, (1, 0, 0), (0, 0, 1)),
        (0, 90, (0, 0, 1), (0, 1, 0)),
        (-90, 0, (-1, 0, 0), (0, 0, 1)),
    ],
)
def test_the_detector_lies_where_dicom_says(lao, cra, beam, up):
    axes = CArm(lao, cra).axes
    assert np.allclose(axes[2], beam, atol=1e-12)
    assert np.allclose(axes[1], up, atol=1e-12)
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(axes), 1.0)


def test_at_ap_left_is_right_and_the_head_is_up():
    left, head = CArm().project(np.array([[10.0, 0.0, 0.0], [0.0, 0.0, 10.0]]))
    assert left[0] > 255.5 and abs(left[1] - 255.5) < 1e-9
    assert head[1] < 255.5 and abs(head[0] - 255.5) < 1e-9


def test_landmarks_fall_where_a_turned_patient_puts_them():
    random = np.random.default_rng(3)
    views = [(0.0, 0.0), (90.0, 0.0), (0.0, 90.0), *random.uniform((-180, -90), (180, 90), (50, 2)).tolist()]
    worst = 0.0
    for lao, cra in views:
        centre, table = random.uniform(-100, 100, (2, 3)).tolist()
        carm = CArm(
            lao, cra, isocentre=tuple(centre), table_mm=tuple(table), sid_mm=random.uniform(900, 1200),
            sod_mm=random.uniform(600, 800), field_mm=random.uniform(100, 400),
        )  # fmt: skip
        points = np.subtract(centre, table) + random.uniform(-80, 80, (40, 3))
        worst = max(worst, float(np.abs(carm.project(points) - projected(points, carm)).max()))
    print(f"landmarks: {worst:.1e} pixels off at most in {len(views)} views (demanded 0.1)")
    assert worst < 1e-6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lao_deg": 110.0}, "primary angle .* 110°; a floor-mounted C-arm goes from -117 to 105°"),
        ({"cra_deg": -60.0}, "secondary angle .* -60°; .* -50 to 45°"),
        ({"sid_mm": 1300.0}, "source to detector is 1300 mm; .* 890 to 1190 mm"),
        ({"sod_mm": 600.0}, "source to isocentre is 600 mm"),
        ({"field_mm": 50.0}, "field is 50 mm"),
        ({"pixels": 4}, "4 pixels"),
    ],
)
def test_what_the_gantry_cannot_do_is_said(change, words):
    with pytest.raises(InputError, match=words):
        CArm(**{"gantry": FLOOR_MOUNTED, **change})


def test_points_behind_the_source_are_refused():
    with pytest.raises(InputError, match="1 points lie beside or behind the X-ray source"):
        CArm().project(np.array([[0.0, 721.0, 0.0], [0.0, 0.0, 0.0]]))


def test_angles_are_spoken_as_in_the_laboratory():
    assert view_label(20, 10) == "LAO 20 / CRA 10"
    assert view_label(-30.2, -15.4) == "RAO 30 / CAU 15"


def test_an_annulus_is_seen_edge_on_along_its_curve():
    random = np.random.default_rng(5)
    for normal in random.standard_normal((20, 3)):
        angles = np.linspace(-90, 90, 13)
        for lao, cra in zip(angles, coplanar_secondary(normal, angles), strict=True):
            assert abs(CArm(lao, cra).axes[2] @ normal) < 1e-9
    # An aortic annulus faces the right, front and head; its usual view is a little LAO and caudal.
    assert -25.0 < coplanar_secondary(np.array([-0.53, -0.29, 1.0]), 0.0) < -10.0
    with pytest.raises(InputError, match="stands upright"):
        coplanar_secondary(np.array([1.0, 1.0, 0.0]), 0.0)


def test_the_squarest_view_is_square_and_the_nearest():
    random = np.random.default_rng(6)
    for axis in random.standard_normal((30, 3)):
        near = (float(random.uniform(-60, 60)), float(random.uniform(-30, 30)))
        view = squarest_view(axis, near=near)
        assert foreshortening(axis, *view) < 1e-9
        start = CArm(*near).axes[2]
        turn = np.linspace(0, 2 * np.pi, 3601)
        one = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
        one /= np.linalg.norm(one)
        other = np.cross(axis / np.linalg.norm(axis), one)
        around = np.cos(turn)[:, None] * one + np.sin(turn)[:, None] * other
        assert CArm(*view).axes[2] @ start > (around @ start).max() - 1e-5


def test_the_squarest_view_stays_within_the_gantry():
    axis = CArm(10.0, 5.0).axes[2]
    lao, cra = squarest_view(axis, near=(10.0, 5.0), gantry=FLOOR_MOUNTED)
    assert -117 <= lao <= 105 and -50 <= cra <= 45
    assert foreshortening(axis, lao, cra) < 0.01
    assert foreshortening(axis, 10.0, 5.0) == pytest.approx(1.0)
    assert np.allclose(CArm(*angles_of(axis)).axes[2], axis)
