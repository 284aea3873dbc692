"""Arrays on the backend: what is let go of is given back."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taichi as ti

from sim import backend
from sim.arrays import mat3, put, vec3, zeros

STATUS = Path("/proc/self/status")


def resident_mib() -> float:
    """Memory of this process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", STATUS.read_text())
    assert found
    return int(found.group(1)) / 1024.0


@pytest.mark.skipif(not STATUS.exists(), reason="the memory of a process is read as Linux tells it")
@pytest.mark.parametrize(("kind", "trailing"), [(ti.f64, ()), (vec3, (3,)), (mat3, (3, 3))])
def test_arrays_that_are_let_go_of_are_given_back(kind: Any, trailing: tuple[int, ...]):
    if backend.current() != "cpu":
        pytest.skip("another processor has its own memory")
    values = np.ones((2**16, *trailing))
    for _ in range(3):
        put(values, kind)
    before = resident_mib()
    for _ in range(100):
        one = put(values, kind)
        other = zeros(len(values), kind)
        assert one.shape == other.shape
    # A hundred of half a mebibyte or more, twice.
    assert resident_mib() - before < 20.0
