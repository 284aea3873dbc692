"""What commands that run the engine do at their beginning: look, make the folder, plan."""

from pathlib import Path
from typing import Any


def planned(source: str, output: Path, console: Any, *, overwrite: bool, **choices: Any) -> Any:
    """Plan a case for a folder that is made for it; `choices` are those of `scenarios.plan.plan_case`."""
    from scenarios.plan import plan_case, require_source
    from viewer.commands.progress import progress_of
    from viewer.results import prepare_folder

    require_source(source)
    prepare_folder(output, overwrite=overwrite)
    with progress_of("Plan", console) as progress:
        return plan_case(source, progress=progress, **choices)


def planned_passage(source: str, output: Path, console: Any, *, overwrite: bool, **choices: Any) -> Any:
    """Plan a passage for a folder that is made for it; `choices` are those of `scenarios.passage.passage.plan_passage`."""
    from scenarios.passage.passage import plan_passage
    from scenarios.plan import require_source
    from viewer.commands.progress import progress_of
    from viewer.results import prepare_folder

    require_source(source)
    prepare_folder(output, overwrite=overwrite)
    with progress_of("Plan", console) as progress:
        return plan_passage(source, progress=progress, **choices)
