"""docs/design.md, the map of the code, agrees with the code."""

import pathlib
import re

import pytest

REPOSITORY = pathlib.Path(__file__).parents[1]
MAP = (REPOSITORY / "docs/design.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:zoo|scripts|configs|tests|docs)/[\w./]*)`", MAP)))


def test_every_folder_stands_on_the_map():
    folders = {f"zoo/{path.parent.name}/" for path in REPOSITORY.glob("zoo/*/__init__.py")}
    assert folders and folders <= set(PATHS)


def test_every_path_on_the_map_is_there():
    assert [path for path in PATHS if not (REPOSITORY / path).exists()] == []
    assert [path for path in PATHS if (REPOSITORY / path).is_dir() != path.endswith("/")] == []


@pytest.mark.parametrize("link", re.findall(r"\]\(([\w./]+)\)", MAP))
def test_every_link_leads_somewhere(link):
    assert (REPOSITORY / "docs" / link).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`@?(?:Run\.)?([a-z_]+|[A-Z][a-z]+|[A-Z_]+)`", MAP))))
def test_every_name_on_the_map_is_in_the_code(name):
    code = "\n".join(path.read_text() for path in REPOSITORY.glob("zoo/**/*.py"))
    known = rf"(def|class) {name}\b|^{name} = |^    {name}: ClassVar"
    assert re.search(known, code, re.MULTILINE) or (REPOSITORY / "zoo" / name).is_dir()
