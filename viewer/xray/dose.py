"""How long X-rays were on, and an estimate of the dose they gave: nothing that was measured.

The detector asks for the same air kerma K at its entrance behind the patient in every pulse, so without the patient it would be
K / T, T being the share that passes. That times the detector's area is the dose-area product, which is the same at every distance
from the source.
"""

import dataclasses

PULSE_KERMA_UGY = 0.03
"""Air kerma at the detector's entrance in a pulse [µGy]; typical of fluoroscopy, from memory, unverified."""

ACQUISITION_KERMA_UGY = 0.6
"""The same for pictures to be kept or subtracted [µGy]; typical, from memory, unverified."""

PHOTONS_PER_MM2_UGY = 30_000.0
"""Photons for each mm² and µGy of a beam behind a patient; near to that of RQA5 in IEC 62220-1, from memory, unverified."""


@dataclasses.dataclass
class Dose:
    """Running totals.

    Attributes
    ----------
    kerma_ugy
        Air kerma at the detector's entrance in a pulse [µGy].
    xray_time_s
        Time with the pedal down: a pulse counts until the next [s].
    pulses
        How many there were.
    dap_ugy_cm2
        Dose-area product, an estimate [µGy·cm²].
    """

    kerma_ugy: float = PULSE_KERMA_UGY
    xray_time_s: float = 0.0
    pulses: int = 0
    dap_ugy_cm2: float = 0.0

    def pulse(self, pulses_per_s: float, *, transmission: float, field_mm: float) -> None:
        """Count one pulse: DAP += K / T · field²."""
        self.pulses += 1
        self.xray_time_s += 1.0 / pulses_per_s
        self.dap_ugy_cm2 += self.kerma_ugy / max(transmission, 1e-6) * (0.1 * field_mm) ** 2

    def photons_of_pixel(self, pixel_mm: float) -> float:
        """Mean count of a pixel [1] where the picture is of middle grey."""
        return PHOTONS_PER_MM2_UGY * self.kerma_ugy * pixel_mm**2
