"""What the tests of the viewer share: a made-up rehearsal, made once."""

import pytest

from tests.viewer.made_up import MadeUpRecording, made_up_outcome, made_up_recording


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> MadeUpRecording:
    """Give a made-up recording."""
    return made_up_recording(tmp_path_factory.mktemp("recording"))


@pytest.fixture
def small_pictures(monkeypatch) -> None:
    """Let pictures be drawn small, where what counts is that they are there."""
    monkeypatch.setattr("viewer.stills.PIXELS_HIGH", 240)
    monkeypatch.setattr("viewer.figures.DOTS_PER_INCH", 50)


@pytest.fixture
def outcome():
    """Give a made-up outcome."""
    return made_up_outcome()
