"""docs/config.md and docs/commands.md tell the truth: defaults, bounds and choices, tried out."""

import pathlib
import re
from typing import Annotated

import pydantic
import pytest
import ruamel.yaml
from absl import flags

from zoo import reference
from zoo.settings import Config

REPOSITORY = pathlib.Path(__file__).parents[1]


def rows_of_config():
    """(key, value, default) of each row."""
    key = None
    for line in (REPOSITORY / "docs/config.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            key = line[3:]
        elif line.startswith("| `"):
            name, value, default, *_ = (cell.strip() for cell in line.strip("|").split(" | "))
            yield f"{key}.{name.strip('`')}", value, default


ROWS = {key: (value, default) for key, value, default in rows_of_config()}


def field_of(key):
    section = Config
    *sections, name = key.split(".")
    for part in sections:
        annotation = section.model_fields[part].annotation
        section = next(c for c in getattr(annotation, "__args__", (annotation,)) if hasattr(c, "model_fields"))
    return section.model_fields[name]


@pytest.mark.parametrize("key", ROWS)
def test_a_key_of_the_page_has_this_default_and_takes_these_values(key):
    value, default = ROWS[key]
    field = field_of(key)
    if field.is_required():
        assert default == "required"
    elif field.default is None:
        assert default == "none"
    else:
        assert ruamel.yaml.YAML(typ="safe").load(default.strip("`")) == field.default

    adapter = pydantic.TypeAdapter(Annotated[field.annotation, field])

    def takes(given):
        try:
            adapter.validate_python(given, strict=True)
        except pydantic.ValidationError:
            return False
        return True

    if found := re.fullmatch(r"(whole number|number), ([\d,]+) to ([\d,]+)", value):
        low, high = (int(text.replace(",", "")) for text in found.groups()[1:])
        beyond = 1 if found[1] == "whole number" else 1e-9
        assert takes(low) and takes(high) and not takes(low - beyond) and not takes(high + max(beyond, high * 1e-9))
        assert takes(low + 0.5) is (found[1] == "number")
    for sign, bound in re.findall(r"([<>≤≥]) ([\d,]+)", value):
        bound = float(bound.replace(",", ""))
        outside = bound + (1e-9 if sign in "<≤" else -1e-9)
        assert takes(bound) is (sign in "≤≥") or value.startswith("whole")
        assert not takes(outside)
    if value.startswith("`") and "mapping" not in value and value != "`true`, `false`":
        choices = re.findall(r"`(\w+)`", value)
        assert all(map(takes, choices)) and not takes("no_such_choice")


def test_every_key_stands_on_the_page():
    keys = {key for key in ROWS if not key.startswith("claim.")}
    schema = Config.model_json_schema()["$defs"]
    plain = [name for section in schema.values() for name, f in section["properties"].items() if "$ref" not in str(f)]
    assert len(ROWS) == len(plain) and "training.optimizer.layer_decay" in keys


@pytest.mark.parametrize("script", sorted(path.stem for path in REPOSITORY.glob("scripts/*.py")))
def test_the_flags_of_a_script_stand_in_its_section_with_their_defaults(script):
    before = set(flags.FLAGS)
    _, own = reference.flags_of(REPOSITORY / f"scripts/{script}.py")
    assert set(flags.FLAGS) == before
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {script}\n")[1].split("\n## ")[0]
    named = dict(re.findall(r"^\| `--(\w+)(?:\[?=…\]?)?` \| (.*?) \|", section, re.MULTILINE))
    assert set(named) == set(own)
    for name, default in named.items():
        if default:
            own([script, f"--{name}={default.strip('`')}"])
            assert own[name].value == own[name].default
        else:
            assert own[name].default in (None, [], False, "")
