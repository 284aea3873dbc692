"""Pictures of a rehearsal: what of it is in the beam, and what stands on every picture."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from meshing.errors import InputError
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.limits import LIMITS_OF_USE
from scenarios.procedure import STENT
from scenarios.rehearsal import Rehearsal
from sim.command import Command
from sim.solvers.settings import Settings
from tests.scenarios.small_case import small_case
from tests.viewer.made_up import RADIUS_MM, STENT_MM
from viewer.cli import app
from viewer.xray.carm import CArm, foreshortening
from viewer.xray.contrast import Puff
from viewer.xray.fluoroscope import Fluoroscope
from viewer.xray.rehearsals import RehearsalInBeam, delivery_on, moment_of, wire_in_beam
from viewer.xray.stills import segment_axis, write_still, xray_still


@pytest.fixture
def beam(recording) -> RehearsalInBeam:
    """The made-up case in the beam."""
    return RehearsalInBeam(recording.case)


def carm_on(recording) -> CArm:
    """A C-arm whose isocentre is the stent's middle."""
    return CArm(isocentre=tuple(recording.case.path.at(recording.case.station_mm)[0]), pixels=256, field_mm=120.0)


def test_what_a_rehearsal_has_is_in_the_beam(recording, beam):
    inflated = beam.contents(recording.frame_of_phase("inflated"))
    after = beam.contents(recording.frame_of_phase("after"))
    assert inflated.materials == (
        "calcified plaque",
        "iodine",
        "cobalt-chromium L605",
        "stainless steel 316L",
        "PEBAX",
        "platinum",
    )
    assert "iodine" not in after.materials
    assert RehearsalInBeam(recording.case, delivery=False).contents(recording.frame(0)).materials[-1] == "cobalt-chromium L605"
    balloon = inflated.surfaces[1].volume_mm3 / 150.0
    radius = recording.frame_of_phase("inflated").balloon.radius
    along = np.linalg.norm(np.diff(recording.case.balloon_axis, axis=0), axis=1)
    exact = np.pi * (0.5 * (radius[1:] ** 2 + radius[:-1] ** 2) * along).sum()
    assert balloon == pytest.approx(exact, rel=0.03)


def test_the_stent_is_seen_where_it_is(recording, beam):
    scope = Fluoroscope(carm_on(recording), None, noise=False)
    frame = recording.frame_of_phase("after")
    stent = beam.contents(frame).cylinders[0]
    scope.frame([stent])
    dark = np.argwhere(scope.signal() < 0.98)
    shown = scope.carm.project(frame.device)
    assert np.abs(dark.min(axis=0) - shown.min(axis=0)[::-1]).max() < 2.0
    assert np.abs(dark.max(axis=0) - shown.max(axis=0)[::-1]).max() < 2.0
    assert np.ptp(dark[:, 0]) * scope.carm.pixel_mm / scope.carm.magnification > 0.8 * STENT_MM


def test_dye_fills_the_lumen_and_is_washed_out(recording, beam):
    scope = Fluoroscope(carm_on(recording), None, noise=False)
    frame = recording.frame_of_phase("after")
    beam.inject(Puff(0.0, 4.0, 4.0))
    dark = []
    for time_s in (0.0, 0.9, 6.0):
        contents = beam.contents(frame, time_s=time_s)
        scope.frame([one for one in contents.surfaces if one.material == "iodine"])
        dark.append(float(-np.log(scope.signal()).sum()))
    assert abs(dark[0]) < 1e-3 and dark[1] > 100.0 and dark[2] < 0.02 * dark[1]
    dye = beam.contents(frame, time_s=0.9).surfaces[-1]
    mean = beam.tree.cells(0.9)[0].mean()
    assert 100.0 < mean < 350.0
    assert dye.volume_mm3 == pytest.approx(mean * beam.lumen(frame).volume_mm3, rel=0.05)
    assert beam.lumen(frame).volume_mm3 > 0.5 * np.pi * RADIUS_MM**2 * recording.case.path.length


def test_the_wire_goes_along_the_vessel_and_ends_in_a_j(recording):
    wire, coil, shaft, *markers = delivery_on(recording.case)
    path = recording.case.path
    away = np.linalg.norm(wire.nodes[:, None] - path.points[None], axis=2).min(axis=0)
    assert away.max() < 1.0
    assert np.linalg.norm(coil.nodes[0] - coil.nodes[-1]) < 2.1 * 3.0
    assert (shaft.bore > wire.radius[0]).all()
    assert len(markers) == 2 and all(one.material == "platinum" for one in markers)
    apart = np.linalg.norm(markers[0].nodes.mean(axis=0) - markers[1].nodes.mean(axis=0))
    assert apart == pytest.approx(STENT_MM + 6.0 - 4.0, abs=1.0)


def test_a_catalogue_s_wire_has_its_diameter():
    sheath = SimpleNamespace(outer_diameter_mm=2.6, bore_mm=2.1, kind="sheath")
    seen = wire_in_beam(sheath, [[0, 0, 0], [0, 0, 10]])
    assert (seen.radius[0], seen.bore[0], seen.material) == (1.3, 1.05, "PEBAX with barium")


def test_a_square_view_does_not_foreshorten_the_segment(recording):
    frame, image, lines = xray_still(recording, recording.frame(0), lao_deg=5.0, cra_deg=-3.0, square=True, contrast=True)
    assert foreshortening(segment_axis(recording.case), frame.carm.lao_deg, frame.carm.cra_deg) < 0.01
    assert image.shape == (512, 512) and 0.2 < image.mean() < 0.8
    assert any("made up" in line for line in lines) and any("contrast" in line for line in lines)


def test_every_picture_says_what_it_is(tmp_path):
    image = np.full((256, 256), 0.5, np.float32)
    path = write_still(image, tmp_path / "one.png", label="LAO 20 / CRA 10", lines=("80 kV",))
    said, shown = path.read_bytes(), 255.0 * imread(path)[..., 0]
    assert all(words.encode() in said for words in ("SIMULATED", LIMITS_OF_USE, "LAO 20 / CRA 10"))
    side = shown.shape[0]
    for rows, columns in (((0.02, 0.06), (0.02, 0.3)), ((0.02, 0.06), (0.75, 0.98)), ((0.95, 0.99), (0.02, 0.5))):
        corner = shown[int(rows[0] * side) : int(rows[1] * side), int(columns[0] * side) : int(columns[1] * side)]
        assert corner.max() > 240 and corner.min() < 40
    with pytest.raises(InputError, match=r"does not end in \.png"):
        write_still(image, tmp_path / "one.jpg", label="")


def test_the_command_writes_a_picture(recording, tmp_path, monkeypatch):
    monkeypatch.setattr("scenarios.recording.load_recording", lambda folder: recording)
    for more in ([], ["--dsa"]):
        path = tmp_path / f"picture{len(more)}.png"
        done = CliRunner().invoke(
            app, ["xray", str(tmp_path), "-o", str(path), "--lao", "20", "--cra", "10", "--time", "0.3", *more]
        )
        assert done.exit_code == 0, done.output
        assert "LAO 20 / CRA 10" in done.output
        shown = imread(path)[..., 0]
        assert shown.shape == (1024, 1024) and shown.std() > 0.02


def test_the_command_tells_what_it_cannot_do(recording, tmp_path, monkeypatch):
    monkeypatch.setattr("scenarios.recording.load_recording", lambda folder: recording)
    for arguments, words in ((["-o", "x.jpg"], "does not end in .png"), (["-o", "x.png", "--cra", "80"], "secondary angle")):
        done = CliRunner().invoke(app, ["xray", str(tmp_path), *arguments])
        assert done.exit_code == 2
        assert words in " ".join(done.output.split())


def test_a_running_rehearsal_is_in_the_beam_too():
    case = small_case()
    displacement = np.zeros(case.mesh.vertices.shape)
    rehearsal = Rehearsal(case, body=case.body(), displacement=displacement, settings=Settings())
    before = moment_of(rehearsal)
    assert np.allclose(before.vertices, case.mesh.vertices, atol=1e-4)
    assert np.allclose(before.device, case.lattice.nodes, atol=1e-4)
    assert not before.balloon.radius.any()
    inflated = moment_of(rehearsal, Command(balloons={STENT: 8.0 * ATMOSPHERE}))
    assert inflated.balloon.radius.max() > 0.3
    beam = RehearsalInBeam(case)
    scope = Fluoroscope(CArm(isocentre=tuple(case.path.at(case.station_mm)[0]), pixels=128, field_mm=60.0), None, noise=False)
    scope.frame(beam.contents(before))
    dark = scope.signal().copy()
    scope.frame(beam.contents(inflated))
    assert dark.min() < 0.3 and scope.signal().sum() < dark.sum()
