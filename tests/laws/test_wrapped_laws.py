"""Laws that wrap another: what they hand on, and what they refuse."""

import math

import numpy as np
import pytest

from sim.materials.active import Active
from sim.materials.guccione import Guccione
from sim.materials.material import Material
from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.ranges import LawError
from sim.materials.relaxing import Relaxing
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.viscous import Viscous
from sim.materials.yeoh import Yeoh
from tests.laws.fibrous_laws import LAWS

MUSCLE = Guccione(2.0e3, 8.0, 2.0, 4.0, 1.0e6, 1000.0)
MATERIALS: list[Material] = [
    StableNeoHookean.from_young(1.0e6, 0.45, 1100.0),
    Yeoh(20.0e3, 30.0e3, 15.0e3, 2.0e6, 1100.0),
    MooneyRivlin(15.0e3, 5.0e3, 2.0e6, 1100.0),
    Ogden(93.0e3, 8.17, 10.0e6, 1450.0),
    *LAWS.values(),
    Active(MUSCLE, tension=60.0e3),
    Relaxing(MUSCLE, share=0.5, time=0.1),
    Viscous(MUSCLE, viscosity=100.0),
    Active(Relaxing(MUSCLE, share=0.5, time=0.1), tension=60.0e3),
]


@pytest.mark.parametrize("law", MATERIALS, ids=lambda law: type(law).__name__)
def test_every_law_says_what_the_engine_asks(law):
    parameters = law.parameters()
    assert parameters.shape == (8,)
    assert np.isfinite(parameters).all()
    assert law.density > 0.0
    assert law.shear_modulus > 0.0
    assert law.volume_stiffness > law.shear_modulus
    assert callable(law.energy)
    assert callable(law.stress)
    assert not hasattr(law, "principal_stiffness")


@pytest.mark.parametrize("wrapped", [one for one in MATERIALS if hasattr(one, "law")], ids=lambda law: type(law).__name__)
def test_a_wrapped_law_hands_on_what_the_law_within_says(wrapped):
    assert wrapped.density == MUSCLE.density
    assert wrapped.shear_modulus == MUSCLE.shear_modulus
    assert wrapped.volume_stiffness == MUSCLE.volume_stiffness
    np.testing.assert_array_equal(wrapped.parameters(), MUSCLE.parameters())
    assert wrapped.energy is MUSCLE.energy
    assert wrapped.stress is MUSCLE.stress


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Active(MUSCLE, tension=0.0), r"^Active: tension is 0; it must be positive \[Pa\]\.$"),
        (lambda: Active(MUSCLE, tension=math.nan), r"^Active: tension is nan"),
        (lambda: Relaxing(MUSCLE, share=-0.1, time=1.0), r"^Relaxing: share is -0\.1; it must be positive\.$"),
        (lambda: Relaxing(MUSCLE, share=0.5, time=0.0), r"^Relaxing: time is 0; it must be positive \[s\]\.$"),
        (lambda: Viscous(MUSCLE, viscosity=-1.0), r"^Viscous: viscosity is -1; it must be positive \[Pa·s\]\.$"),
    ],
)
def test_numbers_outside_their_range_are_refused_in_a_sentence(make, sentence):
    with pytest.raises(LawError, match=sentence):
        make()
