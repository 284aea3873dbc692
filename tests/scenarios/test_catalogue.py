import math

import pytest

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.catalogue import devices, families, find, nearest, read_devices, sizing_sentence
from scenarios.devices.design import Alloy, DeliverySheath, Device, Nitinol, StentDesign

TABLE = find_asset("devices.toml").read_text(encoding="utf-8")


def test_there_are_iliac_and_coronary_sizes():
    iliac = {device.stent.diameter_mm for device in devices() if device.vessel == "iliac"}
    coronary = {device.stent.diameter_mm for device in devices() if device.vessel == "coronary"}
    assert iliac >= set(range(5, 13))
    assert coronary >= {2.5, 3.0, 3.5, 4.0, 4.5}
    assert len({device.name for device in devices()}) == len(devices())


@pytest.mark.parametrize("family", families())
def test_every_device_of_a_family_can_be_built(family):
    for device in families()[family]:
        check_rings(device.stent)
        (check_sheath if device.is_self_expanding else check_balloon)(device)


def check_rings(stent: StentDesign) -> None:
    """Hold a stent against the geometry of its rings."""
    middle_line = math.pi * (stent.crimped_diameter_mm - stent.strut_thickness_mm)
    assert 2 * stent.crowns * stent.strut_width_mm < middle_line
    assert stent.crowns % stent.bridges == 0
    assert stent.rings >= 2
    assert 0 < stent.ring_gap_mm < stent.crimped_ring_height_mm
    length = stent.rings * stent.crimped_ring_height_mm + (stent.rings - 1) * stent.ring_gap_mm
    assert length == pytest.approx(stent.length_mm)
    assert all("[" in source for source in (stent.source, stent.alloy.source))


def check_sheath(device: Device) -> None:
    """Hold a self-expanding stent against its sheath, its metal, and the strain of its struts within."""
    stent, sheath = device.stent, device.sheath
    assert sheath.outer_diameter_mm == pytest.approx(sheath.french / 3.0)
    assert stent.crimped_diameter_mm == pytest.approx(sheath.bore_mm) and sheath.bore_mm < sheath.outer_diameter_mm
    assert isinstance(stent.alloy, Nitinol) and stent.alloy.name == "nitinol"
    bent = math.pi * (stent.diameter_mm - stent.crimped_bore_mm) / (2 * stent.crowns)
    assert 0.04 < 3.0 * stent.strut_width_mm * bent / stent.strut_length_mm**2 < 0.06
    with pytest.raises(InputError, match=r"released from a sheath and has no balloon under it"):
        _ = device.balloon


def check_balloon(device: Device) -> None:
    """Hold one device against its balloon."""
    stent, balloon = device.stent, device.balloon
    assert 29.9 < stent.strut_angle_deg(stent.diameter_mm) < 32.1
    assert stent.strut_angle_deg(balloon.largest_diameter_mm) < 50
    assert stent.largest_diameter_mm > 1.2 * balloon.largest_diameter_mm
    assert balloon.folded_diameter_mm == pytest.approx(stent.crimped_diameter_mm - 2 * stent.strut_thickness_mm)
    assert balloon.diameter(balloon.nominal_pressure_atm) == pytest.approx(stent.diameter_mm)
    assert balloon.length_mm > stent.length_mm
    assert isinstance(stent.alloy, Alloy)
    assert stent.alloy.yield_stress_pa < stent.alloy.tangent_modulus_pa < stent.alloy.young_modulus_pa
    assert "[" in balloon.source
    with pytest.raises(InputError, match="opened by its balloon and has no sheath"):
        _ = device.sheath


def test_a_strut_leans_as_its_ring_opens():
    stent = find("8x30").stent
    spacing = math.pi * (8.0 + stent.strut_thickness_mm) / (2 * stent.crowns)
    assert math.sin(math.radians(stent.strut_angle_deg(8.0))) == pytest.approx(spacing / stent.strut_length_mm)
    assert stent.ring_height_mm(8.0) == pytest.approx(stent.strut_length_mm * math.cos(math.radians(30)), rel=1e-6)
    with pytest.raises(InputError, match="its struts are straight"):
        stent.strut_angle_deg(20.0)


@pytest.mark.parametrize(
    "name",
    [
        "balloon-expandable 8x30",
        "Balloon Expandable 8 x 30 mm",
        "balloon-expandable 8×30",
        "balloon_expandable 8.0mm x 30mm",
        "8x30",
    ],
)
def test_a_device_is_found_however_its_name_is_written(name):
    assert find(name).name == "balloon-expandable 8x30"


def test_every_device_is_found_by_its_own_name():
    assert all(find(device.name) is device for device in devices())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("baloon-expandable 8x33", "nearest are: balloon-expandable 8x30"),
        ("balloon-expandable 5.5x30", "balloon-expandable 5x30, balloon-expandable 6x30"),
        ("coronary thin strut 3x19", "coronary thin-strut 3x18"),
        ("coronary thinstrut", "coronary thin-strut"),
        ("", "nearest are: balloon-expandable"),
    ],
)
def test_an_unknown_device_lists_the_nearest(name, words):
    with pytest.raises(InputError, match=words):
        find(name)


@pytest.mark.parametrize(
    ("diameter", "lesion", "name"),
    [
        (8.2, 18.0, "balloon-expandable 8x25"),
        (7.5, 18.0, "balloon-expandable 7x25"),
        (3.1, 10.0, "coronary thin-strut 3x15"),
        (20.0, 10.0, "large balloon-expandable 20x25"),
        (8.0, 100.0, "balloon-expandable 8x60"),
        (8.0, None, "balloon-expandable 8x30"),
    ],
)
def test_the_nearest_size_has_the_closest_diameter_and_covers_the_lesion(diameter, lesion, name):
    assert nearest(diameter, lesion_length_mm=lesion).name == name


def test_a_self_expanding_stent_is_wider_than_the_artery_and_given_only_where_it_is_asked_for():
    assert nearest(8.0, lesion_length_mm=18, family="self-expanding").name == "self-expanding 9x30"
    assert not any(nearest(0.5 * size, lesion_length_mm=18).is_self_expanding for size in range(4, 40))
    assert find("Self expanding 9 x 30 mm").name == "self-expanding 9x30"


def test_a_sheath_has_a_wall():
    with pytest.raises(InputError, match=r"bore of 2 mm and is 1\.9 mm wide"):
        DeliverySheath(french=5.7, outer_diameter_mm=1.9, bore_mm=2.0)


def test_the_nearest_size_can_be_kept_to_a_family_and_to_the_room_there_is():
    assert nearest(8.0, lesion_length_mm=20, family="Steel balloon-expandable").name == "steel balloon-expandable 8x27"
    assert nearest(8.0, lesion_length_mm=40, longest_mm=32).name == "balloon-expandable 8x30"
    with pytest.raises(InputError, match="no family 'gold'"):
        nearest(8.0, family="gold")
    with pytest.raises(InputError, match=r"longer than the 5\.0 mm"):
        nearest(8.0, longest_mm=5)
    with pytest.raises(InputError, match="above zero"):
        nearest(float("nan"))


def test_the_sizing_is_said_without_advice():
    device = nearest(8.2, lesion_length_mm=18)
    sentence = sizing_sentence(device, reference_diameter_mm=8.2, lesion_length_mm=18)
    assert sentence.startswith("balloon-expandable 8x25 is the nearest size in the catalogue to a reference diameter of 8.2 mm")
    assert "recommend" not in sentence.lower()
    assert "0.98" in sentence


def test_families_keep_the_order_of_the_catalogue():
    assert next(iter(families())) == "balloon-expandable"
    assert sum(len(group) for group in families().values()) == len(devices())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("crowns = { value = 8,", "crowns = { value = 7,", "4 bridges cannot be spread evenly over 7 crowns"),
        ("strut_width = { value = 0.20,", "strut_width = { value = 0.5,", "do not fit on its crimped"),
        ("strut_width = { value = 0.20,", "strut_width = { value = -1,", "strut_width must be above zero"),
        ("strut_angle_deg = { value = 30.0,", "strut_angle_deg = { value = 55.0,", "too short to reach"),
        ("strut_angle_deg = { value = 30.0,", "strut_angle_deg = { value = 49.0,", "past 50°"),
        ("compliance = { value = 0.007,", "compliance = { value = -0.007,", "compliance must be above zero"),
        ("rated_burst_pressure = { value = 14.0,", "rated_burst_pressure = { value = 1.0,", "must come in that order"),
        ('alloy = "L605"', 'alloy = "gold"', "alloy 'gold'"),
        ('source = "linear"', 'source = "hearsay"', "source 'hearsay'"),
        ('vessel = "iliac"', 'vesel = "iliac"', "vesel is not a known entry"),
        ("crowns = { value = 8,", "crowns = { value = 0,", "greater than 0"),
        ("crowns = { value = 14,", "crowns = { value = 13,", "7 bridges cannot be spread evenly over 13 crowns"),
        ("sheath_wall = { value = 0.15,", "sheath_wall = { value = 0.0,", "sheath_wall must be above zero"),
        ("delivery_french = { value = 6.0,", "delivery_french = { value = 4.0,", "do not fit on its crimped"),
        ('alloy = "SE508"', 'alloy = "L605"', "alloy 'L605' of self-expanding is not among SE508"),
        ("loading_start = { value = 395e6,", "loading_start = { value = 100e6,", "knees must rise"),
        ('source = "nitinol_range"', 'source = "rumour"', "source 'rumour'"),
        ('source = "crimping_angle"', 'source = "rumour"', "source 'rumour'"),
    ],
)
def test_a_table_at_fault_is_told_in_a_sentence(tmp_path, old, new, words):
    assert old in TABLE
    path = tmp_path / "devices.toml"
    path.write_text(TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_devices(path)
    assert "\n" not in str(caught.value)
