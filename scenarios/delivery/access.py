"""Access: which wire and catheter a case's devices go over, and from which end of the path they come."""

import dataclasses

from meshing.errors import InputError
from scenarios import catalogue
from scenarios.case import Case
from scenarios.devices.over_wire import OverWire, bearing_mm
from scenarios.devices.wires import Wire, clearance_within

CATHETERS = "balloon catheter"
"""Family among which the catheter is chosen where none is named."""


@dataclasses.dataclass(frozen=True)
class Access:
    """What is asked for: the wire's name, the catheter's or None for the thinnest that takes the wire, and whence both come."""

    wire: str
    catheter: str | None = None
    from_far_end: bool = True


def with_access(case: Case, asked: Access, *, between_mm: tuple[float, float]) -> Case:
    """The case with all its balloons on a catheter over a wire; the simulated wall lies between two stations of the path [mm].

    Raises
    ------
    InputError
        If a name is not in the catalogue, the wire is none or does not fit, or too little of it is made.
    """
    wire = catalogue.find_wire(asked.wire)
    if wire.kind != "guidewire":
        raise InputError(f"{wire.name} is a {wire.kind}, and devices go over a guidewire; name one of `vesalius devices`.")
    catheter = _thinnest(wire) if asked.catheter is None else catalogue.find_wire(asked.catheter)
    clearance_within(wire, catheter)
    first, last = between_mm
    between = (case.path.length - last, case.path.length - first) if asked.from_far_end else (first, last)
    over = OverWire(wire.name, catheter.name, asked.from_far_end, between)
    for one, needed in zip((wire, catheter), over.lengths_mm().values(), strict=True):
        if not one.tip_length_mm < needed <= one.length_mm:
            raise InputError(
                f"{one.name} has a tip of {one.tip_length_mm:g} mm and is {one.length_mm:g} mm long at most, but {needed:.0f} mm "
                "of it are needed here; name another."
            )
    longest = max([bearing_mm(one) for one in case.stents] + [one.balloon.length_mm for one in case.dilations])
    if over.middle_mm(longest) - 0.5 * longest < 0.0:
        raise InputError(
            f"A device of {longest:g} mm is longer than the {over.length_mm:.0f} mm of catheter that are simulated; take a "
            "shorter one."
        )
    end = "far end" if asked.from_far_end else "root"
    note = (
        f"All balloons went over {wire.name} on {catheter.name}, from the {end} of the path; outside the simulated wall both run "
        "straight in a guide without friction."
    )
    return dataclasses.replace(case, over=over, notes=(*case.notes, note))


def _thinnest(wire: Wire) -> Wire:
    """The thinnest balloon catheter that takes a wire.

    Raises
    ------
    InputError
        If none does.
    """
    fitting = [one for one in catalogue.wires() if one.family == CATHETERS and one.bore_mm > wire.outer_diameter_mm]
    if not fitting:
        raise InputError(f"No {CATHETERS} takes {wire.name}, {wire.outer_diameter_mm:g} mm thick; name a catheter that does.")
    return min(fitting, key=lambda one: one.outer_diameter_mm)
