"""The report is one file that says what was found, from what, and within what limits."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from scenarios.limits import LIMITS_OF_USE
from viewer.headline import figure, headline, key_figures
from viewer.report import write_report


class Page(HTMLParser):
    """What a page refers to and whether its elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(outcome, tmp_path) -> str:
    picture = tmp_path / "rehearsal.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    return write_report(outcome, {"rehearsal": picture}, tmp_path / "report.html", title="A & B").read_text(encoding="utf-8")


def test_the_page_needs_no_other_file(page):
    parser = Page()
    parser.feed(page)
    assert not parser.open
    assert parser.sources
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert not re.search(r"https?://", page)


def test_the_page_says_its_limits_its_measures_and_their_origin(page, outcome):
    assert page.count(LIMITS_OF_USE) >= 2
    for measure in outcome.measures:
        assert measure.name in page
        assert measure.definition in page
    for words in (outcome.input["sha256"], "cpu", "1.7.4", "50976", "0.001", headline(outcome)):
        assert words in page


def test_what_was_put_in_is_not_taken_for_markup(page):
    assert "&lt;b&gt;Not&lt;/b&gt;" in page
    assert "<h1>A &amp; B</h1>" in page


def test_the_headline_says_the_key_figures(outcome):
    words = headline(outcome)
    assert words == (
        "The minimum lumen diameter went from 4.28 mm to 7.00 mm, a diameter stenosis of 12.5 % is left "
        "and the stent recoiled by 4.10 % on deflation."
    )
    assert ("recoil", "4.10 %") in key_figures(outcome)


def test_the_headline_of_a_run_that_stopped_says_so():
    assert (
        headline(SimpleNamespace(measures=())) == "The rehearsal did not come to its end; what was recorded until then is shown."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (7.0, "7.00"),
        (12.54, "12.5"),
        (212.4, "212"),
        (0.0312, "0.0312"),
        (0.0, "0"),
        (50976, "50,976"),
        (2e-5, "2.00e-05"),
        ("x", "x"),
    ],
)
def test_figures_have_three_digits(value, words):
    assert figure(value) == words
