"""The command line: `vesalius` and its commands. Loads nothing heavy, so that `--help` answers at once."""

from typing import Annotated

import typer

from scenarios.limits import LIMITS_OF_USE
from viewer.commands.cases import cases_app
from viewer.commands.devices import devices_app
from viewer.commands.exporting import export
from viewer.commands.inputs import labels
from viewer.commands.looking import view
from viewer.commands.meshes import mesh
from viewer.commands.navigating import navigate
from viewer.commands.plainly import PlainCommand
from viewer.commands.printing import report
from viewer.commands.room import review, room
from viewer.commands.runs import demo, rehearse, rerun
from viewer.commands.slices import slices
from viewer.commands.xray import xray
from viewer.study_commands import study_app

WHOLE_HELP = f"""Rehearse a procedure on a patient's own soft tissue: from a segmentation to a stent opened by its balloon.

Begin with [bold cyan]vesalius demo[/]: it rehearses the embedded case and writes pictures and a report;
[cyan]vesalius cases[/] lists more cases to practise on.

With your own patient:

  [cyan]vesalius labels seg.nii.gz[/]  -  which labels are there?

  [cyan]vesalius rehearse seg.nii.gz --label aorta -o patient[/]  -  rehearse

  [cyan]vesalius room seg.nii.gz --label aorta -o mine[/]  -  do it by hand

  [cyan]vesalius view patient[/]  -  orbit, and scrub through time

  [cyan]vesalius xray patient -o picture.png --lao 20 --cra 10[/]  -  as a C-arm would see it

[dim]{LIMITS_OF_USE}[/]
"""

app = typer.Typer(name="vesalius", no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vesalius {version('vesalius')}")
        raise typer.Exit


@app.callback(help=WHOLE_HELP)
def whole(
    debug: Annotated[bool, typer.Option("--debug", help="On an unexpected error, print the whole traceback.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Hold the options that stand before any command; `viewer.commands.plainly` reads them."""


for command in (demo, labels, mesh, rehearse, navigate, room, review, view, slices, xray, report, rerun, export):
    app.command(cls=PlainCommand)(command)
app.add_typer(cases_app)
app.add_typer(devices_app)
app.add_typer(study_app)


def main() -> None:
    """Run the command line with the arguments of this process."""
    app(prog_name="vesalius")


if __name__ == "__main__":
    main()
