"""Pages of ours as PDF, by the extra `pdf`."""

import os
from pathlib import Path
from typing import Any

from meshing.errors import InputError


def can_print() -> bool:
    """Whether the extra is installed."""
    from importlib.util import find_spec

    return find_spec("weasyprint") is not None


def write_pdf(page: Path, path: Path) -> Path:
    """Print a page that needs no other file as a PDF; nothing is fetched from anywhere.

    Raises
    ------
    InputError
        If the extra or a library that it needs is not installed, the page cannot be read, or the file cannot be written.
    """
    if not can_print():
        raise InputError("A PDF needs what `pip install 'vesalius[pdf]'` brings.")
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The page {page} cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    content, part = _printed(text), path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"The file {path} cannot be written ({error.strerror or error}).") from error
    return path


def _printed(text: str) -> bytes:
    try:
        from weasyprint import HTML  # pyright: ignore[reportMissingImports]
        from weasyprint.urls import URLFetcher  # pyright: ignore[reportMissingImports]
    except OSError as error:
        # It draws letters with a library of the system, which pip does not bring.
        raise InputError(
            f"A PDF needs the library Pango ({str(error).splitlines()[0]}); install it as your system does, such as with "
            "`apt install libpangoft2-1.0-0` or `brew install pango`, or print report.html from a browser."
        ) from error
    document: Any = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=("data",)))
    return document.write_pdf()
