"""Plotters that need no display."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def offscreen_plotter(width: int, height: int) -> Iterator[Any]:
    """Give a PyVista plotter of this size [pixels] that draws in memory, and close it afterwards."""
    import pyvista

    quiet_vtk()
    plotter = pyvista.Plotter(off_screen=True, window_size=[width, height], lighting="light kit")
    try:
        yield plotter
    finally:
        plotter.close()


def quiet_vtk() -> None:
    """Keep VTK from printing, where there is no display, that it takes its next way of drawing; errors still show."""
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
