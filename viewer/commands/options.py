"""Arguments and options that several commands share, with the words that explain them."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Backend(str, Enum):
    """The processors that can be asked for by name."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    vulkan = "vulkan"
    metal = "metal"


class Units(str, Enum):
    """The units in which a surface without units may be written."""

    mm = "mm"
    cm = "cm"
    m = "m"


class Access(str, Enum):
    """From which end of the vessel's path."""

    FAR = "far end"
    ROOT = "root"


Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to; made if it is not there.", show_default=False)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the earlier results that lie in the folder.")]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL",
        help="The vessel's label by name, number or code; give it again to join several. "
        "Needed where a label map holds more than one; [cyan]vesalius labels FILE[/] lists them.",
        show_default=False,
    ),
]
UnitsOption = Annotated[
    Units | None,
    typer.Option(
        "--units",
        metavar="UNITS",
        help="Units of a surface file: mm, cm or m; without it they are guessed from its size, and said.",
        show_default=False,
    ),
]
BackendOption = Annotated[
    Backend,
    typer.Option(
        "--backend", metavar="NAME", help="Processor: cpu, cuda, vulkan, metal, or auto, which takes a GPU where there is one."
    ),
]
Thickness = Annotated[
    float | None,
    typer.Option(
        "--thickness",
        metavar="MM",
        min=0.01,
        help="Thickness of the healthy wall in mm; without it, a fraction of the radius.",
        show_default=False,
    ),
]
Pressure = Annotated[
    float | None,
    typer.Option(
        metavar="ATM", help="Pressure in the balloon under the stent in atm; without it, its nominal one.", show_default=False
    ),
]
Predilate = Annotated[
    str | None,
    typer.Option(
        metavar="BALLOON[@ATM]",
        help="Open the vessel first with this balloon, at this pressure or its nominal one.",
        show_default=False,
    ),
]
Postdilate = Annotated[
    str | None,
    typer.Option(
        metavar="BALLOON[@ATM]",
        help="Open the stent further with this balloon, at this pressure or its nominal one.",
        show_default=False,
    ),
]
Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="STENT[@ATM][, PLACE]",
        help="Place another stent after it, on its own balloon or out of its own sheath: [cyan]overlap 3[/] or "
        "[cyan]gap 2[/] mm, [cyan]distal[/] or [cyan]proximal[/] to the one before it, or its middle [cyan]at 62[/] mm; "
        "without a place, overlapping distally by 2 mm. Give it again for a third.",
        show_default=False,
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        metavar="TIME:WAY,…",
        help="Draw a self-expanding stent's sheath back so: at each time in s how far, in mm or % of its way, as in "
        "[cyan]2:50%,3:50%,5:100%[/]; without it, evenly in 3 s.",
        show_default=False,
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Device by its name in [cyan]vesalius devices[/]; without it, the size nearest to the vessel's.",
        show_default=False,
    ),
]
At = Annotated[
    float | None,
    typer.Option(
        "--at",
        metavar="MM",
        help="Where along the centreline the stent's middle goes, in mm; without it, the narrowest place.",
        show_default=False,
    ),
]
AccessOption = Annotated[Access, typer.Option("--access", help="End of the vessel's path from which wires come in.")]
Over = Annotated[
    str | None,
    typer.Option(
        "--over",
        metavar="WIRE",
        help="Push this guidewire across first, and bring each balloon over it on a catheter.",
        show_default=False,
    ),
]
Script = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help="Steps to take, each until something is reached, felt or has lasted; see docs/devices.md.",
        show_default=False,
    ),
]
Catheter = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="With [cyan]--over[/]: the balloons' catheter; the thinnest that takes the wire.", show_default=False
    ),
]
Branch = Annotated[
    int | None,
    typer.Option("--branch", metavar="N", min=0, help="Which way through a branching vessel, 0 the longest.", show_default=False),
]
