"""Messages name the command as the user starts it; what is written down names the scripts."""

import sys

import pytest

from zoo import command_words
from zoo.shipped import found, shipped

LAUNCH = "start python scripts/launch.py, or train.py --resume; scripts/list_models.py shows all, trainer.py none"


def test_a_checkout_names_its_scripts(monkeypatch):
    monkeypatch.delenv("ZOO_COMMAND", raising=False)
    assert command_words.command("train") == "python scripts/train.py"
    assert command_words.in_words(LAUNCH) == LAUNCH
    monkeypatch.setattr(sys, "argv", ["scripts/train.py", "--model=xor_mlp", "--set", "a b"])
    assert command_words.typed("--resume=auto") == "python scripts/train.py --model=xor_mlp --set 'a b' --resume=auto"


@pytest.mark.parametrize("program", ["zoo", "python -m zoo"])
def test_the_command_names_itself(monkeypatch, program):
    monkeypatch.setenv("ZOO_COMMAND", program)
    assert command_words.command("train") == f"{program} train"
    assert command_words.in_words(LAUNCH) == (
        f"start {program} launch, or {program} train --resume; {program} list_models shows all, trainer.py none"
    )
    monkeypatch.setattr(sys, "argv", [str(shipped("scripts/train.py")), "--model=xor_mlp"])
    assert command_words.typed() == f"{program} train --model=xor_mlp"
    monkeypatch.setattr(sys, "argv", ["my_train.py"])  # started by the command, and no part of it
    assert command_words.typed() == "python my_train.py"


@pytest.mark.parametrize(
    "start", ["zoo train", "python -m zoo train", "python scripts/train.py", "python3 /somewhere/scripts/train.py"]
)
def test_a_recorded_command_is_read_in_each_of_its_forms(start):
    assert command_words.name_and_flags(f"{start} --seed 3") == ("train", ["--seed", "3"])


@pytest.mark.parametrize("start", ["", "zoo", "python -m zoo", "python", "zoo 'train"])
def test_no_command_is_none(start):
    with pytest.raises(ValueError):
        command_words.name_and_flags(start)


def test_the_users_file_comes_before_the_repositorys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert found("configs/xor_mlp.yaml") == shipped("configs/xor_mlp.yaml")
    assert str(found("configs/no_such.yaml")) == "configs/no_such.yaml"
    assert str(found("configs")) == "configs"
    assert str(found("long" * 9999)) == "long" * 9999
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/xor_mlp.yaml").touch()
    assert str(found("configs/xor_mlp.yaml")) == "configs/xor_mlp.yaml"
