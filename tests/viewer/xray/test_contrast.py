"""Contrast agent: no iodine is lost or made, it comes when the blood does, and it divides as the blood does."""

import numpy as np
import pytest

from meshing.errors import InputError
from viewer.xray.contrast import DyedTree, Puff, Stretch


def straight(length_mm: float, radius_mm: float, *, count: int = 201, **more) -> Stretch:
    """A straight branch."""
    points = np.column_stack([np.zeros((count, 2)), np.linspace(0.0, length_mm, count)])
    return Stretch.of(points, np.full(count, radius_mm), **more)


def forked(*, mixing_ml: float = 0.5) -> DyedTree:
    """A trunk with two branches of unequal size and flow, and one of them divided again."""
    return DyedTree(
        [
            straight(60.0, 4.0),
            straight(80.0, 3.0, share=0.7, parent=0),
            straight(50.0, 2.0, share=0.3, parent=0),
            straight(40.0, 2.0, share=0.2, parent=1),
            straight(70.0, 2.5, share=0.5, parent=1),
        ],
        flow_ml_s=6.0,
        mixing_ml=mixing_ml,
    )


@pytest.mark.parametrize("mixing_ml", [0.0, 0.5, 3.0])
def test_no_iodine_is_lost_or_made(mixing_ml):
    tree = forked(mixing_ml=mixing_ml)
    puffs = (Puff(0.2, 5.0, 4.0), Puff(2.5, 3.0, 6.0, iodine_mg_ml=300.0))
    for puff in puffs:
        tree.inject(puff)
    worst = 0.0
    for time_s in np.linspace(0.0, 12.0, 61):
        mixing, inside, gone = tree.mass_mg(time_s)
        assert min(mixing, inside, gone) > -1e-9
        worst = max(worst, abs(mixing + inside + gone - tree.injected_mg(time_s)))
    total = sum(puff.iodine_mg for puff in puffs)
    print(f"iodine: {worst / total:.1e} of what was injected is lost or made at most")
    assert tree.injected_mg(12.0) == pytest.approx(total)
    assert worst < 1e-9 * total
    assert inside < 0.01 * total


def test_it_arrives_when_the_blood_does_and_leaves_unchanged():
    tree = DyedTree([straight(100.0, 4.0)], flow_ml_s=5.0, mixing_ml=0.0)
    tree.inject(Puff(1.0, 2.0, 5.0))
    middle_ml = np.pi * 16.0 * 50.0 * 1e-3
    # Agent at the blood's own rate doubles the flow and is half of it.
    arrival = 1.0 + middle_ml / 10.0
    end = 1.4 + (middle_ml - 0.0) / 5.0
    for time_s, wanted in ((arrival - 0.01, 0.0), (arrival + 0.02, 175.0), (end - 0.02, 175.0), (end + 0.02, 0.0)):
        assert tree.cells(time_s)[0][99:101].mean() == pytest.approx(wanted, abs=1e-9), time_s


def test_mixing_gives_a_tail_with_the_volume_s_own_decay():
    tree = DyedTree([straight(100.0, 4.0)], flow_ml_s=5.0, mixing_ml=2.0)
    tree.inject(Puff(0.0, 4.0, 5.0))
    first, second = (tree.cells(time_s)[0][0] for time_s in (1.0, 1.4))
    assert second / first == pytest.approx(np.exp(-5.0 * 0.4 / 2.0), rel=1e-6)


def test_concentration_is_one_where_branches_part():
    tree = forked()
    tree.inject(Puff(0.0, 10.0, 5.0))
    trunk, one, other, *_ = tree.cells(1.9)
    assert one[0] == pytest.approx(trunk[-1], rel=0.02)
    assert other[0] == pytest.approx(trunk[-1], rel=0.02)
    points, amounts = tree.at(np.array([[3.0, 0.0, 30.0], [0.0, 1.0, -5.0]]), 1.9)
    assert np.allclose(points, [[0, 0, 30], [0, 0, 0]], atol=0.3)
    assert amounts[0] == pytest.approx(trunk[100], rel=1e-3)


def test_a_cone_has_its_volume():
    cone = Stretch.of(np.column_stack([np.zeros((11, 2)), np.linspace(0, 90, 11)]), np.linspace(6.0, 3.0, 11))
    assert cone.volume_ml[-1] == pytest.approx(np.pi / 3.0 * 90.0 * (36.0 + 18.0 + 9.0) * 1e-3)


def test_what_cannot_be_injected_is_said():
    tree = forked()
    tree.inject(Puff(0.0, 5.0, 5.0))
    with pytest.raises(InputError, match="would begin before the last one ends at 1 s"):
        tree.inject(Puff(0.5, 5.0, 5.0))
    with pytest.raises(InputError, match="rate of a contrast injection is 0"):
        Puff(0.0, 5.0, 0.0)
    with pytest.raises(InputError, match="flow is 0 mL/s"):
        DyedTree([straight(10.0, 2.0)], flow_ml_s=0.0)
    with pytest.raises(InputError, match=r"Branches of 0\.9 of the flow leave branch 0, which carries 1"):
        DyedTree([straight(10.0, 2.0), straight(9.0, 2.0, share=0.9, parent=0)], flow_ml_s=5.0)
