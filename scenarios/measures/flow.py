"""Fractional flow reserve of a lesion by the formula of Young and Tsai; its inputs are in `assets/flow.toml`."""

import dataclasses
import math
from functools import cache
from pathlib import Path as FilePath

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure
from scenarios.tables import Number, Row, read_table, weakest

MMHG = 133.322  # [Pa]


class _Positive(Number):
    value: float = Field(gt=0)


class _Blood(Row):
    viscosity: _Positive
    density: _Positive


class _Stenosis(Row):
    kv_length: _Positive
    kv_diameter: _Positive
    kt: _Positive


class _Hyperaemia(Row):
    aortic_pressure: _Positive
    velocity: _Positive


class FlowTable(Row):
    """Blood, the formula's constants, and hyperaemia: each number with its source and tag, SI units."""

    sources: dict[str, str]
    blood: _Blood
    stenosis: _Stenosis
    hyperaemia: _Hyperaemia

    @model_validator(mode="after")
    def _names_its_sources(self) -> "FlowTable":
        for number in self.numbers():
            if number.source not in self.sources:
                raise ValueError(f"the source {number.source!r} is not among {', '.join(self.sources)}")
        return self

    def numbers(self) -> list[Number]:
        """Every number of the table."""
        groups = (self.blood, self.stenosis, self.hyperaemia)
        return [getattr(group, name) for group in groups for name in type(group).model_fields]


@cache
def flow_table(path: FilePath | None = None) -> FlowTable:
    """Read a table of flow, the program's own if none is named.

    Raises:
        InputError: the table is missing or malformed, or a number is not above zero.
    """
    return read_table(path or find_asset("flow.toml"), FlowTable)


@dataclasses.dataclass(frozen=True)
class Stenosis:
    """A narrowing as the formula sees it.

    Raises:
        InputError: a size is not above zero.
    """

    reference_area_mm2: float  # A₀
    smallest_area_mm2: float  # A_s
    length_mm: float  # L_s

    def __post_init__(self) -> None:
        for name, value in (("reference area", self.reference_area_mm2), ("smallest area", self.smallest_area_mm2)):
            if not value > 0:
                raise InputError(f"The {name} of the stenosis is {value:g} mm²; give one above zero.")
        if not self.length_mm >= 0:
            raise InputError(f"The stenosis is {self.length_mm:g} mm long; give nought or more.")


def pressure_drop(stenosis: Stenosis, flow_m3_s: float, *, table: FlowTable | None = None) -> float:
    """Give the loss of pressure over a stenosis under steady flow [Pa].

    ΔP = K_v μ U/D₀ + K_t ρ/2 (A₀/A_s − 1)² |U| U, U = Q/A₀, K_v = 32 (0.83 L_s + 1.64 D_s)/D₀ (A₀/A_s)². A place wider than
    its reference counts as wide as that.
    """
    numbers = table or flow_table()
    blood, constants = numbers.blood, numbers.stenosis
    area = 1e-6 * stenosis.reference_area_mm2
    narrow = min(1e-6 * stenosis.smallest_area_mm2, area)
    wide, throat = (2.0 * math.sqrt(one / math.pi) for one in (area, narrow))
    speed, ratio = flow_m3_s / area, area / narrow
    lengths = constants.kv_length.value * 1e-3 * stenosis.length_mm + constants.kv_diameter.value * throat
    viscous = 32.0 * lengths / wide * ratio**2
    separating = 0.5 * constants.kt.value * blood.density.value * (ratio - 1.0) ** 2 * abs(speed) * speed
    return viscous * blood.viscosity.value * speed / wide + separating


def flow_reserve(stenosis: Stenosis, *, flow_m3_s: float | None = None, table: FlowTable | None = None) -> float:
    """Give P_d/P_a under hyperaemia, 1 − ΔP/P_a; without a flow [m³/s], the table's velocity times the reference area."""
    numbers = table or flow_table()
    flow = numbers.hyperaemia.velocity.value * 1e-6 * stenosis.reference_area_mm2 if flow_m3_s is None else flow_m3_s
    return max(0.0, 1.0 - pressure_drop(stenosis, flow, table=numbers) / numbers.hyperaemia.aortic_pressure.value)


def flow_findings(before: Stenosis, after: Stenosis | None, *, table: FlowTable | None = None) -> Findings:
    """Give the fractional flow reserve before, and the residual one after where there is an after."""
    numbers = table or flow_table()
    hyperaemia, blood = numbers.hyperaemia, numbers.blood
    note = (
        f"With {hyperaemia.velocity.value * before.reference_area_mm2:.2f} mL/s, {1e3 * blood.viscosity.value:g} mPa·s, "
        f"{blood.density.value:g} kg/m³ and {hyperaemia.aortic_pressure.value / MMHG:.0f} mmHg, of assets/flow.toml; the least "
        f"certain of its numbers is tagged {weakest([one.tag for one in numbers.numbers()])}."
    )
    words = "P_d/P_a {0} under hyperaemia by the formula of Young and Tsai, steady flow, from {1} and the lesion's length{2}."
    reading = " At most 0.75 is read as positive, 0.80 and more as negative."
    rows = [("fractional flow reserve before", before, words.format("before", "minimum lumen area, reference area", reading))]
    if after is not None:
        inside = "the minimum lumen area within the stent, reference area before"
        rows.append(("residual fractional flow reserve", after, words.format("after", inside, reading)))
    return Findings(
        tuple(Measure(name, flow_reserve(one, table=numbers), "1", text, sources.FLOW_RESERVE, note) for name, one, text in rows)
    )
