"""A rehearsal drawn into any PyVista plotter: a window, a picture off screen, a test."""

from typing import Any

import numpy as np

from meshing.errors import InputError
from viewer import palette
from viewer.bars import bars_of, there
from viewer.cut import cut_normal, heights_above_cut, middle_and_direction
from viewer.shapes import at_vertices, balloon_surface, diameters_at, fabric_surface, sheath_surface, stent_surface
from viewer.tints import Tints, softened

COLOURS = ("tissue", "diameter", "stress")
FEATURE_ANGLE = 50.0
OUTLINE_LIFT_MM = 0.05
THINNEST_WIRE_MM = 0.15


class Scene:
    """The vessel, the stent and the balloon of one case, drawn with the calls that every PyVista plotter has.

    Either the vessel is cut open along its centreline and one looks into it, or it is whole: a translucent wall about its lumen.
    """

    def __init__(
        self,
        plotter: Any,
        case: Any,
        *,
        colour: str = "tissue",
        cut_open: bool = True,
        with_device: bool = True,
        from_outside: bool = False,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        """Prepare a scene; nothing is drawn before `set_frame`.

        Args:
            plotter: a `pyvista.BasePlotter`.
            case: the `scenarios.case.Case` that was rehearsed.
            colour: what the vessel's colour tells: "tissue", "diameter" [mm] or "stress" (first principal Cauchy stress [kPa]).
            cut_open: cut the vessel along its centreline and leave out the half towards the viewer.
            with_device: draw the stent and the balloon.
            from_outside: draw the outside of the whole wall alone, coloured and opaque.
            value_range: the values at the two ends of the colour map, for diameter and stress.

        Raises:
            InputError: there is no such colour.
        """
        if colour not in COLOURS:
            raise InputError(f"There is no colour {colour!r}; take one of {', '.join(COLOURS)}.")
        self.plotter = plotter
        self.case = case
        self.colour = colour
        self.cut_open = cut_open
        self.with_device = with_device
        self.from_outside = from_outside
        self.value_range = value_range
        self.reach_mm = height_of(case) / 2
        self.normal = cut_normal(case, reach_mm=self.reach_mm)
        self._parts: dict[str, Any] = {}
        self._tints = Tints(case.mesh)
        self._bars = bars_of(case)
        plotter.set_background(palette.BACKGROUND)

    def set_frame(self, frame: Any) -> None:
        """Show one sampled state: move the vessel, the stent and the balloon to where they were."""
        if self.from_outside:
            self._show("outside", self._face_set("outside", frame, values=True), **self._wall_look())
        elif self.cut_open:
            lining, section = self._opened_wall(frame)
            self._show("wall", lining, **self._wall_look())
            self._show("section", section, **{**self._wall_look(), "ambient": 0.0, "lighting": False, "smooth_shading": False})
            self._show(
                "outlines", self._outlines(frame), color=palette.OUTLINE, line_width=2.5, lighting=False, smooth_shading=False
            )
        else:
            self._show(
                "lumen",
                self._face_set("lumen", frame, values=True),
                **self._wall_look(),
                opacity=0.45 if self.with_device else 1.0,
            )
            outside = self._face_set("outside", frame, values=False)
            self._show("outside", outside, color=palette.TISSUES["arterial wall"], opacity=0.16, specular=0.2)
        if not self.with_device:
            return
        seen = there(self._bars, frame)
        for number, one in enumerate(self._bars):
            stent = stent_surface(frame.device, one.pairs, radius_mm=one.radius_mm) if one in seen else None
            self._show(one.name, stent, color=palette.stent_colour(number), ambient=0.15, specular=0.8, specular_power=20)
            fabric = fabric_surface(frame.device, one.fabric) if one in seen else None
            self._show(f"{one.name} fabric", fabric, color=palette.FABRIC, opacity=0.55, ambient=0.3, specular=0.1)
        balloon = balloon_surface(frame.balloon.axis, frame.balloon.radius)
        self._show("balloon", balloon, color=palette.BALLOON, opacity=0.7, ambient=0.35, specular=0.25, specular_power=15)
        self._show("sheath", self._sheath(frame), color=palette.SHEATH, opacity=0.45, ambient=0.3, specular=0.2)
        for name, line in getattr(frame, "lines", {}).items():
            self._show(name, self._wire(name, line), color=palette.WIRES[name], ambient=0.2, specular=0.5)

    def _wire(self, name: str, line: Any) -> Any:
        """Give the wire or the catheter that all goes over as a tube along its nodes, no thinner than can be seen."""
        import pyvista

        radius = 0.5 * self.case.over.lines[name].outer_diameter_mm
        return pyvista.lines_from_points(line).tube(radius=max(radius, THINNEST_WIRE_MM), n_sides=12)

    def _sheath(self, frame: Any) -> Any | None:
        """Give the sheath as far as it reaches at this state, from the vessel's end on; None where there is none."""
        from scenarios.sheath_shape import sheaths_at

        for one in sheaths_at(self.case, frame):
            return sheath_surface(one.line, radius_mm=0.5 * one.size.outer_diameter_mm)
        return None

    def remove(self) -> None:
        """Take everything that this scene drew out of the plotter."""
        for _, actor in self._parts.values():
            self.plotter.remove_actor(actor, render=False)
        self._parts.clear()

    def mapper(self) -> Any:
        """Give the mapper of the vessel's colours, for a colour bar."""
        part = "wall" if "wall" in self._parts else "lumen" if "lumen" in self._parts else "outside"
        return self._parts[part][1].mapper

    def look_into(self) -> tuple[float, float]:
        """Look squarely at the cut near the stent, and give the height and width worth showing [mm]."""
        centre, height, width = window_of(self.case, self.normal)
        self._look_at(centre, height)
        return height, width

    def look_at_whole(self) -> tuple[float, float]:
        """Look at the whole vessel from the same side, and give the height and width worth showing [mm]."""
        _, up = middle_and_direction(self.case, reach_mm=self.reach_mm)
        points = self.case.mesh.vertices
        upright, aside = points @ up, points @ np.cross(up, self.normal)
        centre = points.mean(axis=0)
        centre += ((upright.max() + upright.min()) / 2 - centre @ up) * up
        across = np.cross(up, self.normal)
        centre += ((aside.max() + aside.min()) / 2 - centre @ across) * across
        height, width = 1.06 * np.ptp(upright), 1.06 * np.ptp(aside) + _bulge(self.case)
        self._look_at(centre, height)
        return float(height), float(width)

    def _look_at(self, centre: np.ndarray, height_mm: float) -> None:
        """Look along the cut's normal in parallel projection, so that the picture is to scale, with the patient's head up."""
        _, up = middle_and_direction(self.case, reach_mm=self.reach_mm)
        camera = self.plotter.camera
        camera.focal_point = centre
        camera.position = centre + 1000.0 * self.normal
        camera.up = up
        camera.parallel_projection = True
        camera.parallel_scale = height_mm / 2
        self.plotter.renderer.ResetCameraClippingRange()

    def _wall_look(self) -> dict[str, Any]:
        if self.colour == "tissue":
            return {"scalars": "colour", "rgb": True, "ambient": 0.12, "specular": 0.12}
        colours = palette.STRESS_MAP if self.colour == "stress" else palette.DIAMETER_MAP
        look = {"scalars": self.colour, "cmap": colours, "clim": self.value_range, "ambient": 0.25, "show_scalar_bar": False}
        return {name: value for name, value in look.items() if value is not None}

    def _opened_wall(self, frame: Any) -> tuple[Any, Any]:
        """Give the half behind the cut in two parts: the surfaces seen behind the cut, and the cut itself."""
        import pyvista

        mesh = self.case.mesh
        grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: mesh.tets}, np.asarray(frame.vertices, dtype=float))
        grid.cell_data["label"] = mesh.labels
        grid.point_data["calcified"] = self._tints.calcified_share
        if self.colour != "tissue":
            grid.point_data[self.colour] = self._values(frame)
        grid.point_data["height"] = heights_above_cut(grid.points, self.case.path, self.normal)
        half: Any = grid.clip_scalar(scalars="height", value=0.0, invert=True)
        # Slivers at the cut would else become lines, which are cells without a triangle.
        surface = half.extract_surface(algorithm="dataset_surface").triangulate().clean(polys_to_lines=False)
        flat = np.abs(surface.point_data["height"])[surface.regular_faces].max(axis=1) < 1e-6
        lining, section = (surface.extract_cells(part).extract_surface(algorithm="dataset_surface") for part in (~flat, flat))
        if self.colour == "tissue":
            lining.point_data["colour"] = softened(lining, self._tints.table[lining.cell_data["label"]])
            section = self._tinted_section(section)
        return smooth_surface(lining), section

    def _tinted_section(self, section: Any) -> Any:
        """Give the cut with colours at the corners of its triangles, each with corners of its own so that tissues stay apart."""
        import pyvista

        faces = section.regular_faces
        corners = self._tints.of_section(section.cell_data["label"], section.point_data["calcified"][faces])
        apart = pyvista.PolyData.from_regular_faces(section.points[faces.ravel()], np.arange(faces.size).reshape(-1, 3))
        apart.point_data["colour"] = corners.reshape(-1, 3)
        return apart

    def _outlines(self, frame: Any) -> Any:
        """Give the lines in which the cut meets the wall's surfaces and the bounds between its tissues."""
        import pyvista

        surfaces = pyvista.PolyData.from_regular_faces(np.asarray(frame.vertices, dtype=float), self._tints.bounds)
        surfaces.point_data["height"] = heights_above_cut(surfaces.points, self.case.path, self.normal)
        lines: Any = surfaces.contour([0.0], scalars="height")
        lines.clear_data()
        lines.points += OUTLINE_LIFT_MM * self.normal
        return lines

    def _face_set(self, name: str, frame: Any, *, values: bool) -> Any:
        import pyvista

        mesh = self.case.mesh
        surface = pyvista.PolyData.from_regular_faces(np.asarray(frame.vertices, dtype=float), mesh.face_sets[name])
        if values and self.colour == "tissue":
            surface.cell_data["colour"] = np.tile(self._tints.wall, (surface.n_cells, 1))
        elif values:
            surface.point_data[self.colour] = self._values(frame)
        return smooth_surface(surface.clean())

    def _values(self, frame: Any) -> np.ndarray:
        if self.colour == "stress":
            return at_vertices(frame.stress, self.case.mesh.tets, len(frame.vertices))
        return diameters_at(frame.vertices, self.case.path)

    def _show(self, name: str, surface: Any | None, **look: Any) -> None:
        """Draw a part, or move it if it is drawn, or hide it where there is none."""
        if surface is None or not surface.n_points:
            if name in self._parts:
                self._parts[name][1].SetVisibility(False)
            return
        if name in self._parts:
            drawn, actor = self._parts[name]
            drawn.shallow_copy(surface)
            actor.SetVisibility(True)
            return
        look.setdefault("smooth_shading", True)
        actor = self.plotter.add_mesh(
            surface, name=name, reset_camera=False, show_scalar_bar=look.pop("show_scalar_bar", False), **look
        )
        self._parts[name] = (surface, actor)


def smooth_surface(surface: Any) -> Any:
    """Give a surface normals that are smooth along it and break at its edges."""
    return surface.compute_normals(
        point_normals=True, cell_normals=False, split_vertices=True, feature_angle=FEATURE_ANGLE, consistent_normals=False
    )


def height_of(case: Any) -> float:
    """Give the length of vessel worth a picture: the stent and somewhat more than half of it at each end [mm].

    Of a passage it is the whole way.
    """
    if not hasattr(case, "stents"):
        return float(case.path.length + 4.0)
    nodes = np.concatenate([one.lattice.nodes for one in case.stents])
    stent_mm = 2.0 * np.linalg.norm(nodes - case.path.at(float(case.station_mm))[0], axis=1).max()
    return float(min(2.2 * stent_mm, case.path.length + 4.0))


def window_of(case: Any, normal: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Give the part of the vessel worth a picture, seen along a normal: its centre (3,) [mm], height and width [mm]."""
    from scipy.spatial import KDTree

    path, height = case.path, height_of(case)
    low = float(np.clip(case.station_mm - height / 2, 0.0, max(path.length - height, 0.0)))
    stations = np.linspace(low, min(low + height, path.length), 100)
    points, _, radii = path.at(stations)
    _, up = middle_and_direction(case, reach_mm=height / 2)
    across = np.cross(up, normal)
    away, nearest = KDTree(points).query(case.mesh.vertices)
    # What lies farther off belongs to other branches, which may run out of the picture.
    own = case.mesh.vertices[away < 2.0 * radii[nearest] + 3.0]
    aside = own @ across
    upright = points @ up
    centre = points.mean(axis=0)
    centre = centre + ((upright.min() + upright.max()) / 2 - centre @ up) * up
    centre = centre + ((aside.min() + aside.max()) / 2 - centre @ across) * across
    return centre, height, float(min(np.ptp(aside) + 3.0 + _bulge(case), 1.3 * height))


def _bulge(case: Any) -> float:
    """Room that a vessel may need beside its imaged shape once the stent has pushed its wall out, both sides together [mm]."""
    return float(np.median(case.path.radii))
