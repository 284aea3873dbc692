"""Geometrically exact rods: wires, catheters and the struts of stents, in double precision; `docs/rods.md` says what and why."""
