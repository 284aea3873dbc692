"""How a command ends when something is wrong: one sentence and an exit status, never a traceback nobody asked for."""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from meshing.errors import InputError

EXIT_UNEXPECTED = 1
EXIT_BAD_INPUT = 2
EXIT_DIVERGED = 3
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141


class PlainCommand(TyperCommand):
    """A command whose errors are told in one line on standard error.

    Exit status: 2 for input that cannot be used, 130 after Ctrl-C, 141 where nobody reads on, 1 for anything unexpected (whose
    traceback is kept in a file).
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command and translate what it raises."""
        debug = bool(ctx.find_root().params.get("debug"))
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            _complain("Stopped.")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read has read enough, as `| head` does; nothing went wrong, and what is left unwritten goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(EXIT_UNREAD) from None
        except InputError as error:
            if debug:
                raise
            _complain(f"Error: {error}")
            raise typer.Exit(EXIT_BAD_INPUT) from None
        except Exception as error:
            if debug:
                raise
            _complain(f"Error: {error or 'something unexpected happened'} ({type(error).__name__}; {_keep_traceback()})")
            raise typer.Exit(EXIT_UNEXPECTED) from None


def _complain(sentence: str) -> None:
    print(" ".join(sentence.split()), file=sys.stderr, flush=True)


def _keep_traceback() -> str:
    """Write the current traceback to a file of its own and say where it is."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="vesalius-error-", suffix=".txt", delete=False, encoding="utf-8") as file:
            file.write(traceback.format_exc())
    except OSError:
        return "run `vesalius --debug …` for the traceback"
    return f"the traceback is in {Path(file.name)}, or run `vesalius --debug …`"
