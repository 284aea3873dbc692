"""The output folder: made, refused, or cleared of our own earlier results and of nothing else."""

import pytest

from meshing.errors import InputError
from viewer.results import prepare_folder, write_results


def test_a_folder_is_made(tmp_path):
    prepare_folder(tmp_path / "a" / "b", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_holds_a_run_is_refused(tmp_path):
    (tmp_path / "recording").mkdir()
    with pytest.raises(InputError, match=r"already holds results.*--overwrite"):
        prepare_folder(tmp_path, overwrite=False)


def test_overwriting_leaves_what_is_not_ours(tmp_path):
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "header.json").write_text("{}")
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "my-notes.txt").write_text("keep")
    prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["my-notes.txt"]


def test_a_link_among_the_results_is_cut_and_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("keep")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "pictures").symlink_to(outside, target_is_directory=True)
    prepare_folder(folder, overwrite=True)
    assert not (folder / "pictures").exists()
    assert (outside / "precious.txt").exists()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        prepare_folder(tmp_path / "file", overwrite=False)
    with pytest.raises(InputError, match="cannot be made"):
        prepare_folder(tmp_path / "file" / "below", overwrite=False)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("viewer.results.os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written to"):
        prepare_folder(tmp_path, overwrite=False)


@pytest.mark.usefixtures("small_pictures")
def test_everything_is_written(recording, outcome, tmp_path):
    report = write_results(recording, outcome, tmp_path)
    assert report == tmp_path / "report.html"
    page = report.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert {"report.html", "outcome.json", "pictures", "wall_after.vtu", "stent_after.vtp"} <= {
        p.name for p in tmp_path.iterdir()
    }
