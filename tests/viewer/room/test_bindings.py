"""Keys: every action has one, a person's own file goes over them, and what is wrong in it is told in a sentence."""

import pytest

from meshing.errors import InputError
from viewer.room.actions import ACTIONS
from viewer.room.bindings import key_named, read_bindings


def own(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_every_action_has_a_key_and_no_key_does_two_things():
    bindings = read_bindings()
    keys = [key for action in ACTIONS for key in bindings.keys(action)]
    assert all(bindings.keys(action) for action in ACTIONS)
    assert len(keys) == len(set(keys))
    assert all(bindings.action(key) in ACTIONS for key in keys)


def test_names_of_keys_are_read_as_people_write_them():
    assert key_named("shift + ctrl + v".replace(" ", "")) == "Ctrl+Shift+V"
    assert key_named("numpad  4") == "Numpad 4"
    assert key_named("Ctrl++") == "Ctrl++"
    assert key_named("page up") == "Page Up"
    assert key_named("Ctrl+Ctrl+A") is None
    assert key_named("Hyper+A") is None
    assert key_named("Anykey") is None


def test_a_persons_own_file_goes_over_the_shipped_one(tmp_path):
    bindings = read_bindings(own(tmp_path, 'inflate = "Up"\n[time]\npause = ["I", "Pause"]\nclip = []\n'))
    assert bindings.action("Up") == "inflate"
    assert bindings.action("I") == "pause" and bindings.keys("pause") == ("I", "Pause")
    assert bindings.action("K") == "deflate"
    assert bindings.keys("clip") == () and bindings.action("X") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('inflat = "I"', r"there is no action 'inflat'; there is: inflate"),
        ('inflate = "Foo"', r"'Foo' of inflate is not the name of a key"),
        ('inflate = "U"\ndeflate = "u"', r"U is given to both inflate and deflate"),
        ("inflate = 3", r"inflate is 3; give the name of a key"),
        ("inflate = ", r"is not TOML"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_bindings(own(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.toml cannot be read"):
        read_bindings(tmp_path / "absent.toml")
