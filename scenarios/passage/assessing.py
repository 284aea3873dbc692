"""Outcome of a passage: what hands did and walls felt, and how far the vessel gave way."""

import numpy as np

from scenarios.measures.handling import OWN, handling_findings
from scenarios.measures.measure import Findings, Measure
from scenarios.outcome import Outcome
from scenarios.recording import Recording


def assess_passage(recording: Recording) -> Outcome:
    """Measure the handling of a passage, and the farthest that its vessel moved."""
    header = recording.header
    findings = handling_findings(recording.ticks, dt_s=header["run"]["dt_s"])
    if recording.frame_ticks and not recording.case.rigid:
        findings += _yielding(recording)
    return Outcome(
        measures=findings.measures,
        input=dict(header.get("input", {})),
        mesh=dict(header.get("mesh", {})),
        run=dict(header.get("run", {})),
        profiles={},
        notes=tuple(dict.fromkeys((*recording.case.notes, *recording.events, *findings.notes))),
    )


def _yielding(recording: Recording) -> Findings:
    """How far the wall moved from where it was at first."""
    first = recording.frame(0).vertices
    moved = [np.linalg.norm(recording.frame(k).vertices - first, axis=1).max() for k in range(len(recording.frame_ticks))]
    words = "Farthest that any vertex of the wall came from its place in the first state that was kept."
    return Findings((Measure("wall moved", float(max(moved)), "mm", words, OWN),))
