"""A report as PDF: its words and pictures on every page, nothing fetched, and what is wrong told in a sentence."""

import importlib.util
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer.cli import app
from viewer.pdf import can_print, write_pdf
from viewer.report import write_report

PYPDFIUM = importlib.util.find_spec("pypdfium2")


@pytest.fixture
def folder(outcome, tmp_path) -> Path:
    """A folder with a report, in which there are two pictures."""
    pictures = {}
    for name, shade in (("rehearsal", 90), ("lumen", 180)):
        pictures[name] = tmp_path / f"{name}.png"
        Image.fromarray(np.full((200, 400, 3), shade, np.uint8)).save(pictures[name])
    write_report(outcome, pictures, tmp_path / "report.html", title="Rehearsal of a vessel")
    return tmp_path


def printed(folder: Path) -> bytes:
    """The PDF that the command makes of it."""
    answer = CliRunner().invoke(app, ["report", str(folder), "-o", str(folder / "report.pdf")])
    if "library Pango" in answer.output:
        pytest.skip("Pango is not installed")
    assert answer.exit_code == 0, answer.output
    return (folder / "report.pdf").read_bytes()


def streams(content: bytes) -> list[bytes]:
    """The PDF's streams, inflated where they are deflated."""
    found = []
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(part))
        except zlib.error:
            found.append(part)
    return found


needs_pdf = pytest.mark.skipif(not can_print(), reason="the extra `pdf` is not installed")


@needs_pdf
def test_a_report_becomes_a_pdf_with_its_title_its_limits_and_its_pictures(folder):
    content = printed(folder)
    text = content + b"\n".join(streams(content))
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    assert len(set(re.findall(rb"/Subtype ?/Image", text))) == 1 and len(re.findall(rb"/Subtype ?/Image", text)) >= 2
    assert b"Rehearsal of a vessel" in text and LIMITS_OF_USE.encode() in text
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


@needs_pdf
@pytest.mark.skipif(PYPDFIUM is None, reason="pypdfium2 is not installed")
def test_every_page_says_its_limits_and_its_number(folder):
    import pypdfium2  # pyright: ignore[reportMissingImports]

    printed(folder)
    document = pypdfium2.PdfDocument(folder / "report.pdf")
    pages = [document[number].get_textpage().get_text_range() for number in range(len(document))]
    assert len(pages) >= 2
    for number, words in enumerate(pages, 1):
        assert LIMITS_OF_USE in words and f"{number} / {len(pages)}" in words


@needs_pdf
def test_nothing_is_fetched_from_elsewhere(folder, caplog):
    page = folder / "report.html"
    page.write_text(page.read_text().replace("</h1>", '</h1><img src="http://127.0.0.1:9/picture.png">'))
    printed(folder)
    assert "disallowed protocol: http://127.0.0.1:9/picture.png" in caplog.text


def test_without_the_extra_the_way_to_it_is_named(folder, monkeypatch):
    monkeypatch.setattr("viewer.pdf.can_print", lambda: False)
    with pytest.raises(InputError, match=r"pip install 'vesalius\[pdf\]'"):
        write_pdf(folder / "report.html", folder / "report.pdf")
    assert not (folder / "report.pdf").exists()


def test_without_the_systems_library_it_is_named(folder, monkeypatch):
    class Without:
        """A library that does not find what it draws letters with."""

        def find_spec(self, name, *_):
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr("viewer.pdf.can_print", lambda: True)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr("sys.meta_path", [Without(), *sys.meta_path])
    with pytest.raises(InputError, match=r"needs the library Pango \(cannot load library"):
        write_pdf(folder / "report.html", folder / "report.pdf")


@pytest.mark.parametrize(("name", "told"), [("report.doc", "does not end in .pdf"), ("nowhere/report.pdf", "cannot be written")])
def test_a_file_that_cannot_be_is_told(folder, monkeypatch, name, told):
    monkeypatch.setattr("viewer.pdf.can_print", lambda: True)
    monkeypatch.setattr("viewer.pdf._printed", lambda text: b"%PDF-")
    answer = CliRunner().invoke(app, ["report", str(folder), "-o", str(folder / name)])
    assert answer.exit_code == 2 and told in " ".join(answer.output.split())


def test_a_folder_without_a_report_is_told(tmp_path):
    answer = CliRunner().invoke(app, ["report", str(tmp_path), "-o", str(tmp_path / "report.pdf")])
    assert answer.exit_code == 2 and "holds no report.html" in " ".join(answer.output.split())
