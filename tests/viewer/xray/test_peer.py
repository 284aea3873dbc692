"""The same picture by gVirtualXray, an X-ray simulator of other hands: materials, spectrum, geometry and lengths at once."""

import numpy as np
import pytest

from tests.viewer.xray.bodies import geodesic_sphere
from viewer.xray.attenuation import SCINTILLATOR_MM, find_material, xray_table
from viewer.xray.carm import CArm
from viewer.xray.fluoroscope import Fluoroscope
from viewer.xray.surfaces import Surface

PIXELS = 64
NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8, "Na": 11, "Mg": 12, "P": 15, "S": 16, "Ca": 20, "Ti": 22, "Ni": 28, "I": 53}


@pytest.fixture(scope="module")
def peer():
    """gVirtualXray, drawing without a display."""
    why = "gvxr is not installed or cannot be loaded: no second opinion on pictures"
    gvxr = pytest.importorskip("gvxrPython3", reason=why, exc_type=ImportError).gvxr
    try:
        gvxr.createWindow(0, 0, "EGL")
    except Exception as error:
        pytest.skip(f"gvxr cannot draw here ({error}): no second opinion on pictures")
    yield gvxr
    gvxr.destroyAllWindows()


def peer_s_picture(gvxr, bodies: list[Surface], carm: CArm, folder) -> np.ndarray:
    """Share of the signal that passes, by the peer, in the C-arm's picture."""
    import trimesh

    gvxr.removePolygonMeshesFromXRayRenderer()
    _, up, beam = carm.axes
    gvxr.setSourcePosition(*carm.source.tolist(), "mm")
    gvxr.usePointSource()
    gvxr.setDetectorPosition(*(carm.source + carm.sid_mm * beam).tolist(), "mm")
    gvxr.setDetectorUpVector(*up.tolist())
    gvxr.setDetectorNumberOfPixels(PIXELS, PIXELS)
    gvxr.setDetectorPixelSize(carm.pixel_mm, carm.pixel_mm, "mm")
    table = xray_table()
    tube = next(row for row in table.spectra if row.tube_kv == 80)
    absorbed = 1.0 - np.exp(-find_material("caesium iodide").attenuation * SCINTILLATOR_MM)
    gvxr.resetBeamSpectrum()
    for energy, share in zip(table.energies_kev, np.array(tube.photons) * absorbed, strict=True):
        if share > 1e-5:
            gvxr.addEnergyBinToSpectrum(float(energy), "keV", float(1e6 * share))
    for number, body in enumerate(bodies):
        name, row = f"body {number}", next(row for row in table.materials if row.name == body.material)
        path = folder / f"{number}.stl"
        trimesh.Trimesh(body.vertices, body.triangles, process=False).export(path)
        gvxr.loadMeshFile(name, str(path), "mm")
        shares = np.array(list(row.mass_shares.values()))
        gvxr.setMixture(name, [NUMBERS[element] for element in row.mass_shares], (shares / shares.sum()).tolist())
        gvxr.setDensity(name, row.density * float(body.weights[0]), "g/cm3")
    picture = np.array(gvxr.computeXRayImage())
    return picture / float(gvxr.getTotalEnergyWithDetectorResponse())


@pytest.mark.parametrize(("lao", "cra"), [(0.0, 0.0), (35.0, 20.0)])
@pytest.mark.parametrize(
    ("material", "amount", "radius_mm"),
    [("water", 1.0, 40.0), ("cortical bone", 1.0, 15.0), ("iodine", 150.0, 8.0), ("nitinol", 1.0, 2.0)],
)
def test_pictures_agree_within_three_per_cent(peer, tmp_path, material, amount, radius_mm, lao, cra):
    carm = CArm(lao, cra, pixels=PIXELS, field_mm=max(4.2 * radius_mm, 20.0))
    ball = Surface.closed(*geodesic_sphere(30, radius_mm), material=material, amount=amount)
    # The bed is of small triangles too: over large ones that are seen obliquely the peer is some per cent off.
    vertices, triangles = geodesic_sphere(40, 60.0)
    bed = Surface.closed(vertices - 110.0 * carm.axes[2] + np.array([3.0, 0.0, -5.0]), triangles, material="water")
    bodies = [bed, ball]
    scope = Fluoroscope(carm, None, noise=False)
    scope.frame(bodies)
    ours, theirs = scope.signal(), peer_s_picture(peer, bodies, carm, tmp_path)
    # The peer's picture may be mirrored; which way is up and left is held by the C-arm's own tests.
    theirs = min((theirs[::up, ::over] for up in (1, -1) for over in (1, -1)), key=lambda one: np.abs(one - ours).mean())
    # Within the ball's shadow, but away from silhouettes, where a pixel is half inside.
    centre = carm.project(np.zeros((1, 3)))[0]
    rows, columns = np.indices(ours.shape)
    shadow = np.hypot(columns - centre[0], rows - centre[1]) < 0.9 * radius_mm * carm.magnification / carm.pixel_mm
    flat = shadow & (np.abs(np.gradient(np.log(ours))).max(axis=0) < 0.4)
    off = np.abs(ours / theirs - 1.0)[flat]
    print(f"{material} at LAO {lao:g} / CRA {cra:g}: {100 * off.max():.2f} % off gVirtualXray at most (demanded 3 %)")
    assert flat.sum() > 60
    assert off.max() < 0.03
    assert ours[shadow].max() < 0.6
