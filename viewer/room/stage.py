"""The 3-D view of a room or a review, with the calls of every PyVista plotter: on a desktop or in memory.

Shapes are made once. What moves is written into the points that VTK holds already, in single precision; nothing is cut,
cleaned or smoothed anew but the face of an open wall.
"""

import math
from typing import Any

import numpy as np

from viewer import palette
from viewer.bars import bars_of, middle_mm, there
from viewer.cut import cut_normal, middle_and_direction
from viewer.room import theme
from viewer.room.moving_shapes import MovingBalloon, MovingSheath, MovingSurface, MovingTubes
from viewer.room.probe_shape import ProbeShape
from viewer.room.probing import first_hit
from viewer.scene import height_of
from viewer.shapes import at_vertices
from viewer.tints import Tints

BAR_TITLE = "stress [kPa]\n"
SMALLEST_SCALE_KPA = 20.0


class Stage:
    """The vessel, and in it a stent and its balloon or its sheath, or wires and catheters.

    Attributes
    ----------
    shows_stress, is_open, follows, probes
        Whether the wall's colour is its stress, whether it is cut open, whether the camera goes with the device, and whether the
        mouse is a probe.
    text_scale
        How much larger words are than in a window of 1280 × 800.
    """

    def __init__(self, plotter: Any, case: Any) -> None:
        self.plotter, self.case = plotter, case
        self.shows_stress = self.is_open = self.follows = self.probes = False
        self.text_scale = 1.0
        self._tints = Tints(case.mesh)
        self._normal = cut_normal(case, reach_mm=height_of(case) / 2)
        self._origin = np.asarray(case.path.at(middle_mm(case))[0], float)
        self._top_kpa = SMALLEST_SCALE_KPA
        self._last: Any = None
        self._centre: np.ndarray | None = None
        plotter.set_background(theme.STAGE)
        # Of one layer that hides nothing translucent behind it plain blending is right, and half the cost without a GPU.
        plotter.renderer.SetUseOIT(False)
        self._light()
        self._lumen, self._outside = (MovingSurface(facing_out(case, case.mesh.face_sets[name])) for name in ("lumen", "outside"))
        self._bars = bars_of(case)
        count = max(int(one.pairs.max()) for one in self._bars) + 1
        self._tubes = [MovingTubes(one.pairs, count, radius_mm=one.radius_mm) for one in self._bars]
        self._lines = lines_over(case)
        self._balloon = MovingBalloon() if hasattr(case, "balloon_axis") else None
        self._probe = ProbeShape()
        self._sheath: MovingSheath | None = None
        if getattr(case, "sheathed", None) is not None:
            self._sheath = MovingSheath(case.sheathed.axis_mm, radius_mm=0.5 * case.device.sheath.outer_diameter_mm)
        self._sheaths = {0: self._sheath} if self._sheath else {}
        for number, one in enumerate(getattr(case, "stents", ())):
            if number and one.sheathed is not None:
                radius_mm = 0.5 * one.device.sheath.outer_diameter_mm
                self._sheaths[number] = MovingSheath(one.sheathed.axis_mm, radius_mm=radius_mm)
        self._fabrics = {one.name: MovingSurface(one.fabric) for one in self._bars if len(one.fabric)}
        self._actors: dict[str, Any] = {}

    def show(self, moment: Any) -> None:
        """Show a snapshot or a recording's sampled state; the first one places the camera."""
        is_first = self._last is None
        self._last = moment
        vertices = np.asarray(moment.vertices)
        for surface in (self._lumen, self._outside):
            surface.move(vertices)
        for tubes in self._tubes:
            tubes.move(np.asarray(moment.device))
        for name, line in getattr(moment, "lines", {}).items():
            self._lines[name].move(line)
        has_balloon = self._balloon is not None and self._balloon.move(moment.balloon)
        for fabric in self._fabrics.values():
            fabric.move(np.asarray(moment.device))
        there_sheath = self._move_sheath(moment)
        if is_first:
            self._draw()
            self.look()
        seen = there(self._bars, moment)
        for one in self._bars:
            self._actors[one.name].SetVisibility(one in seen)
            if one.name in self._fabrics:
                self._actors[f"{one.name} fabric"].SetVisibility(one in seen)
        if self._balloon is not None:
            self._actors["balloon"].SetVisibility(has_balloon)
        for name, is_seen in self._probe.move(getattr(moment, "touched", None)).items():
            self._actors[name].SetVisibility(is_seen)
        for number in self._sheaths:
            self._actors[_sheath_actor(number)].SetVisibility(number == there_sheath)
        if self.shows_stress:
            self._colour(moment)
        if self.is_open:
            self._draw_section(moment)
        self._follow(self._followed(np.asarray(moment.device)))
        # Not every host does so before it draws, and with too deep a range struts show through one another.
        self.plotter.renderer.ResetCameraClippingRange()

    def _move_sheath(self, moment: Any) -> int | None:
        """Draw back the sheath of the stent placed last; gives that stent's number, None where nothing of a sheath is there."""
        from scenarios.devices.several import axis_ridden
        from scenarios.sheath_shape import drawn_mm, last_placed

        number, drawn = last_placed(self.case, moment), drawn_mm(self.case, moment)
        if drawn is None or number not in self._sheaths:
            return None
        axis = None
        if number:
            mesh, way = self.case.mesh, self.case.stents[number].sheathed
            axis = axis_ridden(way.axis_mm, mesh.vertices, mesh.face_sets["lumen"], np.asarray(moment.vertices, float))
        return number if self._sheaths[number].move(drawn, axis) else None

    def do(self, verb: str) -> None:
        """Turn one of the switches "stress", "clip", "follow" and "probe", or put the camera back: "look_again"."""
        if verb == "stress":
            self.set_stress(not self.shows_stress)
        elif verb == "clip":
            self.set_open(not self.is_open)
        elif verb == "follow":
            self.set_follow(not self.follows)
        elif verb == "probe":
            self.probes = not self.probes
        elif verb == "look_again":
            self.look()

    @property
    def switches(self) -> dict[str, bool]:
        """Which of them are on."""
        return {"stress": self.shows_stress, "clip": self.is_open, "follow": self.follows, "probe": self.probes}

    def set_stress(self, wanted: bool) -> None:
        """Colour the wall by its stress, or as tissue."""
        self.shows_stress = wanted
        for name in ("lumen", "outside"):
            self._actors[name].mapper.scalar_visibility = wanted
        self._lift_scale(self._top_kpa)
        if wanted:
            self.plotter.add_scalar_bar(
                title=BAR_TITLE, mapper=self._actors["lumen"].mapper, color=theme.INK, n_labels=3, fmt="%.0f",
                title_font_size=round(15 * self.text_scale), label_font_size=round(14 * self.text_scale),
                unconstrained_font_size=True, vertical=True, position_x=0.06, position_y=0.03, width=0.09, height=0.4,
            )  # fmt: skip
        elif BAR_TITLE in self.plotter.scalar_bars:
            self.plotter.remove_scalar_bar(BAR_TITLE, render=False)
        self._look_of_wall()
        if self._last is not None:
            self.show(self._last)

    def set_open(self, wanted: bool) -> None:
        """Cut the wall open along a plane through the stent, or close it."""
        self.is_open = wanted
        from vtkmodules.vtkCommonDataModel import vtkPlane

        for name in ("lumen", "outside"):
            mapper = self._actors[name].mapper
            mapper.RemoveAllClippingPlanes()
            if wanted:
                plane = vtkPlane()
                plane.SetOrigin(*self._origin)
                plane.SetNormal(*(-self._normal))
                mapper.AddClippingPlane(plane)
        if not wanted:
            self.plotter.remove_actor("section", render=False)
        self._look_of_wall()
        if self._last is not None:
            self.show(self._last)

    def set_follow(self, wanted: bool) -> None:
        """Let the camera go with the device from where it is now, or stay."""
        self.follows, self._centre = wanted, None

    def look(self) -> None:
        """Put the camera square to the vessel, the patient's head up, so that the stent and its surroundings fill the view."""
        _, up = middle_and_direction(self.case, reach_mm=height_of(self.case) / 2)
        height = 1.15 * height_of(self.case)
        camera = self.plotter.camera
        camera.focal_point = self._origin
        # A little from the side and from above, so that what is round looks round.
        aside = np.cross(up, self._normal)
        towards = self._normal + 0.35 * aside + 0.2 * up
        camera.position = self._origin + 6.0 * height * towards / np.linalg.norm(towards)
        camera.up = up
        camera.view_angle = math.degrees(2.0 * math.atan(0.5 / 6.0))
        self.plotter.renderer.ResetCameraClippingRange()

    # --- what lies under a pixel ------------------------------------------------------------------------------------

    @property
    def ahead(self) -> np.ndarray:
        """Unit vector into the picture, shape (3,)."""
        return np.asarray(self.plotter.camera.direction, float)

    def ray(self, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Two points [mm] that lie behind each other under a pixel, counted from below on the left, the nearer one first."""
        renderer, ends = self.plotter.renderer, []
        for depth in (0.0, 1.0):
            renderer.SetDisplayPoint(x, y, depth)
            renderer.DisplayToWorld()
            at = np.array(renderer.GetWorldPoint())
            ends.append(at[:3] / at[3])
        return ends[0], ends[1]

    def vertex_at(self, x: float, y: float) -> int | None:
        """The wall's vertex that is seen nearest to a pixel; None where there is no wall."""
        if self._last is None:
            return None
        points, (near, far) = np.asarray(self._last.vertices, float), self.ray(x, y)
        triangles = np.concatenate([self.case.mesh.face_sets[name] for name in ("lumen", "outside")])
        if self.is_open:
            is_there = (points[triangles].mean(axis=1) - self._origin) @ self._normal <= 0.0
            triangles = triangles[is_there]
        way, which = first_hit(near, far - near, points, triangles)
        if which < 0:
            return None
        corners = triangles[which]
        return int(corners[np.argmin(np.linalg.norm(points[corners] - (near + way * (far - near)), axis=1))])

    def _light(self) -> None:
        """Two lights instead of PyVista's five, which would cost more than all shapes do without a GPU."""
        import pyvista

        self.plotter.remove_all_lights()
        self.plotter.add_light(pyvista.Light(light_type="headlight", intensity=0.72))
        self.plotter.add_light(pyvista.Light(light_type="camera light", position=(-1.0, 1.0, 0.6), intensity=0.3))

    def _draw(self) -> None:
        wall = palette.TISSUES["arterial wall"]
        skin = {"show_scalar_bar": False, "reset_camera": False, "cmap": palette.STRESS_MAP, "clim": (0.0, self._top_kpa)}
        for number, sheath in self._sheaths.items():
            # Before the wall's veil, which lies in front of it. One layer of it, so that it hides nothing of itself.
            name = _sheath_actor(number)
            self._actors[name] = self.plotter.add_mesh(
                sheath.mesh, name=name, color=palette.SHEATH, opacity=0.4, culling="back", ambient=0.3, specular=0.2,
                reset_camera=False, smooth_shading=True,
            )  # fmt: skip
        for name, fabric in self._fabrics.items():
            self._actors[f"{name} fabric"] = self.plotter.add_mesh(
                fabric.mesh, name=f"{name} fabric", color=palette.FABRIC, opacity=0.55, culling="back", ambient=0.3,
                specular=0.1, reset_camera=False, smooth_shading=True,
            )  # fmt: skip
        for name, surface in (("lumen", self._lumen), ("outside", self._outside)):
            surface.mesh.point_data["stress"] = np.zeros(surface.mesh.n_points, np.float32)
            self._actors[name] = self.plotter.add_mesh(
                surface.mesh, name=name, scalars="stress", color=wall, smooth_shading=True, **skin
            )
            self._actors[name].mapper.scalar_visibility = False
            self._actors[name].prop.color = wall
        for one, tubes in zip(self._bars, self._tubes, strict=True):
            self._actors[one.name] = self.plotter.add_mesh(
                tubes.mesh, name=one.name, color=one.colour, ambient=0.15, specular=0.8, specular_power=20,
                reset_camera=False, smooth_shading=True,
            )  # fmt: skip
        for name, tubes in self._lines.items():
            self._actors[name] = self.plotter.add_mesh(
                tubes.mesh, name=name, color=palette.WIRES[name], ambient=0.2, specular=0.5, reset_camera=False,
                smooth_shading=True,
            )  # fmt: skip
        if self._balloon is not None:
            self._actors["balloon"] = self.plotter.add_mesh(
                self._balloon.mesh, name="balloon", color=palette.BALLOON, ambient=0.25, specular=0.3,
                reset_camera=False, smooth_shading=True,
            )  # fmt: skip
        for name, mesh in self._probe.meshes.items():
            self._actors[name] = self.plotter.add_mesh(
                mesh, name=name, color=theme.ACCENT, ambient=0.3, specular=0.3, reset_camera=False, smooth_shading=True,
            )  # fmt: skip
        self._look_of_wall()

    def _look_of_wall(self) -> None:
        """Of a whole wall the half behind the device is solid and the outside is a veil; an open one is solid all round.

        One translucent layer, its far side left out, costs half of what two do where there is no GPU.
        """
        lumen, outside = (self._actors[name].prop for name in ("lumen", "outside"))
        lumen.culling = "none" if self.is_open else "front"
        outside.culling = "none" if self.is_open else "back"
        outside.opacity = 1.0 if self.is_open else 0.3
        lumen.specular = outside.specular = 0.2

    def _colour(self, moment: Any) -> None:
        if moment.stress is None:
            return
        at = at_vertices(np.asarray(moment.stress), self.case.mesh.tets, len(moment.vertices))
        for surface in (self._lumen, self._outside):
            surface.colour("stress", at)
        top = float(np.percentile(moment.stress, 99.0))
        if top > self._top_kpa:
            self._lift_scale(_rounded_up(top))

    def _lift_scale(self, top_kpa: float) -> None:
        """The colours' scale only ever grows, so that a colour does not change its meaning from picture to picture unseen."""
        self._top_kpa = top_kpa
        for name in ("lumen", "outside"):
            self._actors[name].mapper.scalar_range = (0.0, top_kpa)

    def _draw_section(self, moment: Any) -> None:
        import pyvista

        mesh = self.case.mesh
        grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: mesh.tets}, np.asarray(moment.vertices, dtype=float))
        grid.cell_data["label"] = mesh.labels
        if self.shows_stress and moment.stress is not None:
            grid.cell_data["stress"] = moment.stress
        section: Any = grid.slice(normal=self._normal, origin=self._origin)
        if not section.n_points:
            self.plotter.remove_actor("section", render=False)
            return
        look: dict[str, Any] = {"scalars": "stress", "cmap": palette.STRESS_MAP, "clim": (0.0, self._top_kpa)}
        if "stress" not in section.cell_data:
            section.cell_data["colour"] = self._tints.table[section.cell_data["label"]]
            look = {"scalars": "colour", "rgb": True}
        self.plotter.add_mesh(section, name="section", lighting=False, reset_camera=False, show_scalar_bar=False, **look)

    def _followed(self, nodes: np.ndarray) -> np.ndarray:
        """What a camera that follows looks at: a stent's middle, or the tip of the innermost wire."""
        return nodes.mean(axis=0) if self._balloon is not None else nodes[self._bars[0].pairs[-1, 1]]

    def _follow(self, centre: np.ndarray) -> None:
        if self.follows and self._centre is not None:
            camera, moved = self.plotter.camera, centre - self._centre
            camera.focal_point = np.asarray(camera.focal_point) + moved
            camera.position = np.asarray(camera.position) + moved
        self._centre = centre if self.follows else None


def lines_over(case: Any) -> dict[str, MovingTubes]:
    """Tubes of the wire and the catheter that a case's devices go over, by their names; none without."""
    over = getattr(case, "over", None)
    if over is None:
        return {}
    counts = over.counts()
    return {
        name: MovingTubes(
            np.stack([np.arange(counts[name] - 1), np.arange(1, counts[name])], 1),
            counts[name],
            radius_mm=0.5 * one.outer_diameter_mm,
        )
        for name, one in over.lines.items()
    }


def facing_out(case: Any, triangles: np.ndarray) -> np.ndarray:
    """Triangles about a vessel, shape (t, 3), wound so that most of them face away from its centreline."""
    from scipy.spatial import KDTree

    corners = case.mesh.vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middles = corners.mean(axis=1)
    away = middles - case.path.points[KDTree(case.path.points).query(middles)[1]]
    return triangles if np.einsum("ti,ti->", normals, away) >= 0.0 else triangles[:, ::-1]


def _rounded_up(value: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if value <= step * power * (1.0 + 1e-9))


def _sheath_actor(number: int) -> str:
    """What the sheath of the stent of a number, counted from 0, is called in the plotter."""
    return f"sheath {number + 1}" if number else "sheath"
