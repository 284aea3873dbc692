"""The colours that every picture shares, tried against the common forms of colour blindness."""

BACKGROUND = "#ffffff"
INK = "#1f2a33"
FAINT_INK = "#6b7780"
TISSUES = {
    "arterial wall": "#c8736a",
    "plaque": "#e8c46a",
    "calcified plaque": "#f7f3e6",
}
OTHER_TISSUES = ("#9c8fb8", "#7fa88c", "#b58b6b", "#8aa3b5")
STENT = "#46525c"
FURTHER_STENTS = ("#2b6ca3", "#6a4c93")
BALLOON = "#9ccaf0"
SHEATH = "#8fb7a6"
FABRIC = "#e9eef2"
OUTLINE = "#5c3a36"
WIRES = {"wire": "#2f4b6b", "catheter": "#c9a24b"}
PHASES = {"before": "#8a949c", "inflated": "#2f78b7", "released": "#2f78b7", "after": "#b3472f"}
FURTHER = "#7a5ca8"
STRESS_MAP = "YlOrRd"
DIAMETER_MAP = "viridis"


def stent_colour(number: int) -> str:
    """Give the stent of a number, counted from 0, its colour: those placed after the first are told apart where they overlap."""
    return STENT if number == 0 else FURTHER_STENTS[(number - 1) % len(FURTHER_STENTS)]


def phase_colour(phase: str) -> str:
    """Give a phase its colour; those in which a further stent was opened share one."""
    return PHASES.get(phase, FURTHER)


def tissue_colours(label_names: dict[int, str]) -> dict[int, str]:
    """Give each label its colour: its tissue's own where it is known, else the next of a list."""
    colours: dict[int, str] = {}
    spare = iter(OTHER_TISSUES * len(label_names))
    for number, name in sorted(label_names.items()):
        colours[number] = TISSUES.get(name) or next(spare)
    return colours
