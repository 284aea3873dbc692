"""Where a stent landed, prolapse, balloon seconds and flow, on shapes whose figures can be reckoned by hand."""

import dataclasses

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.measures.apposition import apposition
from scenarios.measures.flow import Stenosis, flow_findings, flow_reserve, flow_table, pressure_drop
from scenarios.measures.inflating import inflation_findings
from scenarios.measures.landing import landing_findings, music_findings
from scenarios.measures.lumen import Lesion
from scenarios.measures.prolapse import prolapse, prolapse_findings
from scenarios.measures.stent import ring_nodes
from tests.scenarios.shapes import bent_path, stent, straight_path, tube

LESION = Lesion(30.0, 25.0, 37.0, 5.0, 20.0, 20.0, 42.0)
MMHG = 133.322


def values(findings) -> dict[str, float]:
    """The measures by name."""
    return {one.name: one.value for one in findings.measures}


def test_a_stent_that_falls_short_at_one_end_misses_so_much_of_the_lesion():
    found = values(landing_findings(LESION, stent_mm=(22.5, 34.0), nominal_diameter_mm=5.5))
    assert found["proximal stent edge beyond lesion"] == pytest.approx(2.5)
    assert found["distal stent edge beyond lesion"] == pytest.approx(-3.0)
    assert found["geographic miss"] == pytest.approx(3.0)
    assert found["device oversizing ratio"] == pytest.approx(1.1)


def test_only_a_large_ratio_is_remarked_on():
    notes = [landing_findings(LESION, stent_mm=(22, 40), nominal_diameter_mm=d).measures[-1].note for d in (6.0, 7.5)]
    assert notes[0] == "" and "1.4" in notes[1]


@pytest.mark.parametrize(
    ("share", "area", "references", "round_", "met", "missing"),
    [
        (0.0, 8.0, [8.0, 8.8], 0.9, 3, ""),  # 8.0 ≥ the smallest reference
        (0.0, 7.9, [8.1, 9.5], 0.9, 2, "expansion"),  # below 90 % of 8.8 = 7.92 and below 8.1
        (0.0, 9.0, [9.9, 12.0], 0.9, 3, ""),  # from 9 mm² on 90 % of the smallest, 8.91
        (0.1, 8.0, [8.0], 0.65, 1, "apposition, symmetry"),
    ],
)
def test_music(share, area, references, round_, met, missing):
    found = music_findings(malapposed_share=share, minimum_stent_area_mm2=area, references_mm2=references, eccentricity=round_)
    assert found.measures[0].value == met
    assert missing in found.measures[0].note
    assert not music_findings(malapposed_share=0, minimum_stent_area_mm2=9, references_mm2=[], eccentricity=1).measures


@pytest.mark.parametrize("path", [straight_path(40.0), bent_path(40.0, bend_radius=60.0)])
def test_prolapse_between_rings_has_the_area_of_the_ring_that_bulges(path):
    half, struts_at, bulge = 0.05, 3.0, 0.25
    nodes, struts, ring = stent(path, np.full(5, struts_at), first=14.0, pitch=3.0, crowns=12)

    def lumen(station, angle):
        """Against the struts' outer face, but for half of the way round between the third and fourth ring."""
        inside = (np.abs(station - 21.5) < 0.6) & (np.abs(angle - np.pi) < 0.5 * np.pi)
        return np.where(inside, struts_at - half - bulge, struts_at + half)

    vertices, triangles = tube(path, lumen, sides=192, spacing=0.25)
    found = prolapse(
        nodes, ring_nodes(struts, ring), path, vertices=vertices, triangles=triangles, half_thickness_mm=half
    )
    inner = struts_at - half
    area = 0.5 * np.pi * (inner**2 - (inner - bulge) ** 2)
    measures = values(prolapse_findings(*found))
    print(f"\nprolapse {measures['largest tissue prolapse']:.3f} mm² for {area:.3f}")
    assert measures["largest tissue prolapse"] == pytest.approx(area, rel=0.03)
    # The bulge is 1.2 mm long and fades over a quarter of a millimetre at either end.
    assert measures["tissue prolapse volume"] == pytest.approx(area * 1.25, rel=0.15)


def test_no_tissue_within_the_struts_is_no_prolapse():
    path = straight_path(40.0)
    nodes, struts, ring = stent(path, np.full(5, 3.0), first=14.0, pitch=3.0, crowns=12)
    vertices, triangles = tube(path, lambda station, angle: 3.05 + 0.0 * angle, sides=192)
    area, _ = prolapse(nodes, ring_nodes(struts, ring), path, vertices=vertices, triangles=triangles, half_thickness_mm=0.05)
    assert area.max() == 0.0


def test_the_stretch_of_large_malapposition_is_as_long_as_the_struts_that_stand_off():
    path = straight_path(40.0)
    nodes, struts, _ = stent(path, np.array([3.0, 3.0, 2.4, 2.4, 3.0]), first=14.0, pitch=1.7, crowns=12, height=1.6)
    vertices, triangles = tube(path, lambda station, angle: 3.05 + 0.0 * angle, sides=192)
    found = apposition(nodes, struts, vertices=vertices, triangles=triangles, half_thickness_mm=0.05, path=path)
    # Two rings of 1.6 mm, a tenth of a millimetre apart, stand 0.6 mm off.
    assert found.standing_off_mm == pytest.approx(3.3, abs=0.2)
    # A strut is straight: its middle is nearer to the axis than its ends.
    assert found.largest_gap_mm == pytest.approx(3.0 - 2.4 * np.cos(np.pi / 24.0), abs=0.003)


def test_balloon_seconds_are_counted_above_unfolding_and_at_pressure():
    course = [0.0, 1.0, 4.0, 8.0, 10.0, 10.0, 9.6, 5.0, 0.0]
    ticks = [{"command": {"balloons": {"balloon": ATMOSPHERE * p, "predilation": 0.0}}} for p in course]
    found = values(inflation_findings(ticks, dt_s=0.5))
    assert found == pytest.approx(
        {
            "stent's balloon: highest pressure": 10.0,
            "stent's balloon: seconds inflated": 3.0,
            "stent's balloon: seconds at pressure": 1.5,
        }
    )


@pytest.mark.parametrize(
    ("flow", "drop", "reserve"), [(0.5, 3.48, 0.961), (1.0, 8.63, 0.904), (1.5, 15.44, 0.828), (2.0, 23.93, 0.734)]
)
def test_young_and_tsai(flow, drop, reserve):
    stenosis = Stenosis(np.pi * 1.5**2, np.pi * 0.6**2, 10.0)
    table = flow_table()
    at_90 = table.model_copy(
        update={"hyperaemia": table.hyperaemia.model_copy(
            update={"aortic_pressure": table.hyperaemia.aortic_pressure.model_copy(update={"value": 90.0 * MMHG})}
        )}
    )  # fmt: skip
    assert pressure_drop(stenosis, 1e-6 * flow) / MMHG == pytest.approx(drop, abs=0.01)
    assert flow_reserve(stenosis, flow_m3_s=1e-6 * flow, table=at_90) == pytest.approx(reserve, abs=0.001)


def test_a_stent_wider_than_its_reference_loses_no_more_than_a_straight_tube():
    open_, plain = Stenosis(20.0, 25.0, 10.0), Stenosis(20.0, 20.0, 10.0)
    assert flow_reserve(open_) == flow_reserve(plain) > 0.97
    found = flow_findings(Stenosis(20.0, 2.0, 10.0), open_)
    assert values(found)["residual fractional flow reserve"] > values(found)["fractional flow reserve before"]
    assert "tagged M" in found.measures[0].note
    with pytest.raises(InputError, match="smallest area of the stenosis"):
        dataclasses.replace(plain, smallest_area_mm2=0.0)


def test_a_flow_table_with_a_number_below_zero_is_refused(tmp_path):
    text = find_asset("flow.toml").read_text(encoding="utf-8").replace("value = 1060.0", "value = -1.0")
    (tmp_path / "flow.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="density"):
        flow_table(tmp_path / "flow.toml")
