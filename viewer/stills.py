"""Pictures of the scene, drawn off screen and to scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from viewer.offscreen import offscreen_plotter
from viewer.scene import Scene

PIXELS_HIGH = 1300


@dataclass(frozen=True)
class Still:
    """A picture in parallel projection."""

    image: np.ndarray  # shape (height, width, 3) uint8
    mm_per_pixel: float  # [mm]

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.image.shape[1] / self.image.shape[0]


def still(case: Any, frame: Any, *, whole: bool = False, **look: Any) -> Still:
    """Draw one sampled state.

    Args:
        case: the case that was rehearsed.
        frame: the sampled state.
        whole: show all of the vessel instead of the part near the stent.
        look: what `Scene` takes: colour, cut_open, with_device, value_range.
    """
    # Twice the size and averaged down: smooth edges on every driver, the software ones too.
    with offscreen_plotter(64, 64) as plotter:
        scene = Scene(plotter, case, **look)
        scene.set_frame(frame)
        height_mm, width_mm = scene.look_at_whole() if whole else scene.look_into()
        high = 2 * PIXELS_HIGH
        wide = 2 * int(np.clip(round(PIXELS_HIGH * width_mm / height_mm), PIXELS_HIGH // 4, 2 * PIXELS_HIGH))
        plotter.window_size = [wide, high]
        plotter.disable_anti_aliasing()
        fine = np.asarray(plotter.screenshot(return_img=True))[..., :3].astype(float)
    image = fine.reshape(high // 2, 2, wide // 2, 2, 3).mean(axis=(1, 3))
    return Still(np.round(image).astype(np.uint8), height_mm / PIXELS_HIGH)
