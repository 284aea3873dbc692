"""The table of attenuations and X-ray spectra that comes with the program, made anew.

    python benchmarks/xray_table.py

Needs xraydb and SpekPy (`pip install 'vesalius[xray]'`), neither of which the program itself needs. Writes assets/xray.toml.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "assets" / "xray.toml"
ENERGIES_KEV = np.arange(20, 121)
TUBE_VOLTAGES_KV = (60, 70, 80, 90, 100, 110, 120)
FILTERS_MM = (("Al", 2.5), ("Cu", 0.2))
ANODE_DEG = 11.0

MEMORY = "Composition and density from memory, unverified"
ICRU = "Composition and density as ICRU Report 44 gives them, from memory, unverified"
MATERIALS = (
    # name, other names, density [g/cm³], shares of mass of the elements, tag, source
    ("water", (), 1.0, {"H": 0.111898, "O": 0.888102}, "C", "H2O by atomic weights, 1.00 g/cm3"),
    ("soft tissue", ("arterial wall", "plaque", "fibrous plaque"), 1.06,
     {"H": 0.102, "C": 0.143, "N": 0.034, "O": 0.708, "Na": 0.002, "P": 0.003, "S": 0.003, "Cl": 0.002, "K": 0.003}, "M", ICRU),
    ("blood", (), 1.06,
     {"H": 0.102, "C": 0.110, "N": 0.033, "O": 0.745, "Na": 0.001, "P": 0.001, "S": 0.002, "Cl": 0.003, "K": 0.002, "Fe": 0.001},
     "M", ICRU),
    ("cortical bone", ("bone",), 1.92,
     {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225}, "M", ICRU),
    ("calcified plaque", ("calcium", "calcification"), 1.45,
     {"H": 0.065, "C": 0.10, "N": 0.02, "O": 0.565, "P": 0.076, "Ca": 0.174}, "M",
     "Two fifths hydroxyapatite by mass in soft tissue, chosen, unverified"),
    ("hydroxyapatite", (), 3.16, {"H": 0.00201, "O": 0.41407, "P": 0.18499, "Ca": 0.39894}, "C",
     "Ca5(PO4)3OH by atomic weights; density of the crystal"),
    ("iodine", (), 0.001, {"I": 1.0}, "C", "1 mg of iodine in 1 ml, beside the fluid that carries it"),
    ("nitinol", ("NiTi",), 6.45, {"Ni": 0.5588, "Ti": 0.4412}, "C", "Equal atoms of nickel and titanium, 6.45 g/cm3"),
    ("cobalt-chromium L605", ("L605",), 9.1,
     {"Co": 0.51, "Cr": 0.20, "W": 0.15, "Ni": 0.10, "Fe": 0.025, "Mn": 0.015}, "M",
     "Middle of ASTM F90, from memory, unverified"),
    ("MP35N", (), 8.43, {"Co": 0.35, "Ni": 0.35, "Cr": 0.20, "Mo": 0.10}, "M", "Nominal of ASTM F562, from memory, unverified"),
    ("stainless steel 316L", ("316L", "steel"), 7.95,
     {"Fe": 0.65, "Cr": 0.175, "Ni": 0.13, "Mo": 0.025, "Mn": 0.015, "Si": 0.005}, "M",
     "Middle of ASTM F138, from memory, unverified"),
    ("platinum-chromium", ("PtCr",), 9.9, {"Fe": 0.37, "Pt": 0.33, "Cr": 0.18, "Ni": 0.09, "Mo": 0.03}, "M", MEMORY),
    ("platinum", ("Pt",), 21.45, {"Pt": 1.0}, "C", "The element, 21.45 g/cm3"),
    ("tantalum", ("Ta",), 16.65, {"Ta": 1.0}, "C", "The element, 16.65 g/cm3"),
    ("tungsten", ("W",), 19.3, {"W": 1.0}, "C", "The element, 19.3 g/cm3"),
    ("PEBAX", ("polymer", "catheter shaft"), 1.01, {"H": 0.11, "C": 0.66, "N": 0.05, "O": 0.18}, "M", MEMORY),
    ("PEBAX with barium", ("filled polymer",), 1.55,
     {"H": 0.066, "C": 0.396, "N": 0.03, "O": 0.2174, "Ba": 0.2354, "S": 0.0552}, "M",
     "Two fifths barium sulphate by mass, as in shafts that shall be seen, from memory, unverified"),
    ("PTFE", (), 2.2, {"C": 0.2402, "F": 0.7598}, "C", "C2F4 by atomic weights, 2.2 g/cm3"),
    ("ePTFE", ("fabric",), 1.0, {"C": 0.2402, "F": 0.7598}, "M",
     "C2F4 by atomic weights; a little less than half of it is solid, from memory, unverified: makers' fabrics differ widely"),
    ("caesium iodide", ("CsI",), 4.51, {"Cs": 0.5115, "I": 0.4885}, "C", "CsI by atomic weights, the crystal's density"),
)  # fmt: skip


def mass_attenuation(shares: dict[str, float]) -> np.ndarray:
    """μ/ρ of a mixture by the shares of its elements [cm²/g], at `ENERGIES_KEV`."""
    import xraydb  # pyright: ignore[reportMissingImports]

    total = sum(shares.values())
    return sum((share / total * xraydb.mu_elam(element, ENERGIES_KEV * 1e3) for element, share in shares.items()), np.zeros(1))


def photons(tube_kv: int) -> tuple[np.ndarray, float]:
    """Share of the photons about each of `ENERGIES_KEV`, and the half-value layer [mm Al]."""
    import spekpy  # pyright: ignore[reportMissingImports]

    beam = spekpy.Spek(kvp=tube_kv, th=ANODE_DEG, dk=0.5, shift=0.0)
    beam.multi_filter(list(FILTERS_MM))
    energies, fluence = beam.get_spectrum(edges=False)
    nearest = np.clip(np.floor(np.asarray(energies) + 0.5).astype(int), ENERGIES_KEV[0], ENERGIES_KEV[-1]) - ENERGIES_KEV[0]
    share = np.bincount(nearest, weights=fluence, minlength=len(ENERGIES_KEV))
    return share / share.sum(), float(beam.get_hvl1())


def listed(values: np.ndarray) -> str:
    """An array of numbers in TOML, ten a line."""
    words = [f"{value:.5g}" for value in values]
    return "[\n" + "".join("  " + ", ".join(words[k : k + 10]) + ",\n" for k in range(0, len(words), 10)) + "]"


def main() -> None:
    """Write the table."""
    filters = ", ".join(f"{thickness:g} mm {name}" for name, thickness in FILTERS_MM)
    lines = [
        "# X-rays: how much materials attenuate, and what leaves the tube. Made by `python benchmarks/xray_table.py`.",
        "#",
        "# tag  V  read in the source that is named",
        "#      C  worked out from the numbers that are named",
        "#      M  from memory, not checked against a source: a starting value, to be replaced by one's own; do not cite it",
        "#",
        "# A tag speaks of composition and density. mass_attenuation is μ/ρ with coherent scatter [cm²/g] at energies_kev.",
        "# Iodine stands at 1 mg/ml, so that a length of it in mm is an integral of concentration [mg/ml · mm].",
        "",
        f'attenuation_source = "Elam, Ravel, Sieber 2002, doi:10.1016/S0969-806X(01)00227-4, by xraydb {version("xraydb")}; '
        'mixtures by shares of mass"',
        f'spectrum_source = "SpekPy {version("spekpy")} (Poludniowski 2021, doi:10.1002/mp.14945), tungsten anode at '
        f'{ANODE_DEG:g} degrees, {filters}; sums of 0.5 keV about each whole keV"',
        f"energies_kev = {listed(ENERGIES_KEV)}",
    ]
    for name, also, density, shares, tag, source in MATERIALS:
        other = ", ".join(f'"{one}"' for one in also)
        lines += [
            "",
            "[[materials]]",
            f'name = "{name}"',
            f"also = [{other}]",
            f"density = {density:g}  # g/cm3",
            f'tag = "{tag}"',
        ]
        lines += [f'source = "{source}"', "mass_shares = { " + ", ".join(f"{k} = {v:g}" for k, v in shares.items()) + " }"]
        lines += [f"mass_attenuation = {listed(mass_attenuation(shares))}"]
    for tube_kv in TUBE_VOLTAGES_KV:
        share, layer = photons(tube_kv)
        lines += [
            "",
            "[[spectra]]",
            f"tube_kv = {tube_kv}",
            f"half_value_layer_mm_al = {layer:.4g}",
            f"photons = {listed(share)}",
        ]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{FILE.name}: {len(MATERIALS)} materials, {len(TUBE_VOLTAGES_KV)} spectra")


if __name__ == "__main__":
    main()
