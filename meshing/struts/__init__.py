"""The middle lines of a stent's struts, found from its maker's surface or solid mesh. Geometry only, millimetres."""

from meshing.struts.axis import StentAxis
from meshing.struts.graph import Strut, StrutGraph
from meshing.struts.making import strut_graph

__all__ = ["StentAxis", "Strut", "StrutGraph", "strut_graph"]
