"""The middle lines of a stent's struts, found from the surface or the solid mesh that its maker drew. Geometry only, millimetres."""

from meshing.struts.axis import StentAxis
from meshing.struts.graph import Strut, StrutGraph
from meshing.struts.making import strut_graph

__all__ = ["StentAxis", "Strut", "StrutGraph", "strut_graph"]
