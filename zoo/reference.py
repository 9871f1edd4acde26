"""The reference pages of the documentation, made from the code: every key of a config, every command and flag."""

import pathlib
import runpy
from typing import Any

from absl import flags

from zoo.escaping import markdown_cell, markdown_code
from zoo.models import catalog
from zoo.settings import Config
from zoo.shipped import shipped

_BY = "<!-- written by scripts/write_model_cards.py; edit {where} -->"
_FROM_DATA = {"input_shape", "num_classes", "num_outputs"}  # options that follow from the data
_NO_BOUND = 1e30  # a bound that says no more than "float32 holds it"

_CONFIG_PAGE = """# Every key of a config

A config is a YAML file with three sections, `model`, `dataset` and `training`. `configs/<model>.yaml` holds what is not
the default of this page; [Train](train.md) says how files, flags and `--set` go together. Any key can be set:

    python scripts/train.py --model=mnist_mlp --set training.optimizer.weight_decay=1e-4 --print_config

A key that does not exist is refused, with the nearest that does. A key whose default is "none" is off, or found from
the data. A section that is off by default is turned on as a whole: `training.early_stopping={patience: 3}`.
"""

_OPTIONS = """## Options of the models

`model.options` changes the arguments of the model's builder function. Input shape and number of classes follow from the
data.

    python scripts/train.py --model=mnist_mlp --set 'model.options={hidden_units: [32], dropout: 0.1}'

| model | options and their values |
|---|---|
"""

_COMMANDS_PAGE = """# Every command and flag

`python scripts/train.py` in a checkout and `zoo train` where the package is installed are the same; so are the others.
Each prints what stands here with `--help`. Flags are written `--name=value`; one that is on or off is written `--name`
or `--noname`. A mistake ends with one line and the exit status 2.
"""


def documents(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """The pages as they ought to be, by path; `root` is the repository."""
    return {root / "docs/config.md": config_page(), root / "docs/commands.md": commands_page()}


def config_page() -> str:
    """docs/config.md, from the types, bounds, defaults and docstrings of `zoo.settings`."""
    schema = Config.model_json_schema()
    sections = [
        section
        for name, field in schema["properties"].items()
        if name != "claim"
        for section in _sections(name, field, schema)
    ]
    options = "\n".join(_options_row(name) for name in catalog.list_models())
    claim = _sections("claim", schema["properties"]["claim"], schema)
    start = _BY.format(where="zoo/settings/")
    return f"{start}\n{_CONFIG_PAGE}\n" + "\n\n".join([*sections, _OPTIONS + options, *claim]) + "\n"


def _sections(key: str, field: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """The section at a key, and those below it."""
    section = _section_of(field, schema)
    rows, below = [], []
    for name, inner in section["properties"].items():
        if _section_of(inner, schema):
            below += _sections(f"{key}.{name}", inner, schema)
        else:
            cells = (f"`{name}`", _type_words(inner), _default_words(inner, name in section.get("required", ())))
            rows.append("| " + " | ".join([*cells, _markdown_text(inner["description"])]) + " |")
    off = "\n\nOff by default." if field.get("default", ()) is None and key != "claim" else ""
    table = "| key | value | default | what |\n|---|---|---|---|\n" + "\n".join(rows)
    return [f"## {key}\n\n{_markdown_text(section['description'])}{off}\n\n{table}", *below]


def _section_of(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the section that a field holds, or None where it holds a plain value."""
    for choice in field.get("anyOf", [field]):
        if "$ref" in choice:
            return schema["$defs"][choice["$ref"].rsplit("/", 1)[1]]
    return None


def _type_words(field: dict[str, Any]) -> str:
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    return " or ".join(map(_words_of_one, choices))


def _words_of_one(schema: dict[str, Any], many: str = "") -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema["type"]
    if kind == "array":
        count = str(schema["minItems"]) if "minItems" in schema else "list of"
        return f"{count} {_words_of_one(schema['items'], many='s')}"
    if kind in ("integer", "number"):
        return {"integer": "whole number", "number": "number"}[kind] + many + _bounds_words(schema, kind)
    return {"string": f"text{many}", "boolean": "`true`, `false`", "object": "mapping"}[kind]


def _bounds_words(schema: dict[str, Any], kind: str) -> str:
    """Such as `, 1 to 65,535` or ` > 0`."""
    bounds = {name: value for name, value in schema.items() if "imum" in name and value < _NO_BOUND}
    if kind == "integer":
        low = bounds.get("minimum", bounds.get("exclusiveMinimum", -1) + 1)
        high = bounds.get("maximum", bounds.get("exclusiveMaximum", 0) - 1)
        return f", {low:,} to {high:,}" if high > 0 else f" ≥ {low:,}"
    if bounds.keys() == {"minimum", "maximum"}:
        return f", {bounds['minimum']:,} to {bounds['maximum']:,}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    words = [f"{sign} {bounds[name]:,}" for name, sign in signs.items() if name in bounds]
    return f" {' and '.join(words)}" if words else ""


def _default_words(field: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    value = field["default"]
    if value is None:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _options_row(name: str) -> str:
    options = {key: value for key, value in catalog.model_info(name).options.items() if key not in _FROM_DATA}
    words = ", ".join(markdown_code(f"{key}: {_in_yaml(value)}") for key, value in options.items())
    return f"| {name} | {words} |"


def _in_yaml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_in_yaml, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def commands_page() -> str:
    """docs/commands.md, from the docstrings and flags of the scripts."""
    start = _BY.format(where="the scripts")
    commands = [_command(path) for path in sorted(shipped("scripts").glob("*.py"))]
    return f"{start}\n{_COMMANDS_PAGE}\n" + "\n\n".join(commands) + "\n"


def flags_of(script: pathlib.Path) -> tuple[str, flags.FlagValues]:
    """A script's docstring and its flags, which parse as its own would, without running it."""
    everybody = flags.FLAGS
    ours = [everybody[name] for name in everybody if everybody[name].name == name]
    for flag in ours:  # step aside: scripts have flags of the same names
        delattr(everybody, flag.name)
    module, own = f"flags of {script.stem}", flags.FlagValues()
    try:
        docstring = runpy.run_path(str(script), run_name=module)["__doc__"]
        for flag in list(everybody.flags_by_module_dict().get(module, [])):
            own[flag.name] = flag
    finally:
        for name in list(everybody):
            delattr(everybody, name)
        for flag in ours:
            everybody[flag.name] = flag
    return docstring, own


def _command(script: pathlib.Path) -> str:
    docstring, own = flags_of(script)
    rows = [_flag_row(own[name]) for name in sorted(own)]
    table = "| flag | default | what |\n|---|---|---|\n" + "\n".join(rows)
    return f"## {script.stem}\n\n{_prose(docstring)}\n\n{table}"


def _prose(docstring: str) -> str:
    """A docstring in Markdown: a command at the end of the first line and indented lines are code."""
    first, *others = docstring.strip().splitlines()
    sentence, found, command = first.partition(": python ")
    lines = [_markdown_text(sentence) + (f".\n\n    python {command}" if found else "")]
    lines += [line if line.startswith("    ") else _markdown_text(line) for line in others]
    return "\n".join(lines)


def _flag_row(flag: flags.Flag) -> str:
    """The row of a flag; what absl adds to its help, choices in front and "repeat this option" behind, is left out."""
    values = getattr(flag.parser, "enum_values", [])
    text = flag.help.removeprefix(f"<{'|'.join(values)}>: ").partition(";\n    repeat")[0].rstrip(".")
    words = [_markdown_text(text[:1].upper() + text[1:]) + "."]
    if values:
        words.append(f"One of {', '.join(f'`{value}`' for value in values)}.")
    if isinstance(flag, flags.MultiFlag) and "repeated" not in text:
        words.append("May be repeated.")
    value = "[=…]" if flag.boolean and values else "" if flag.boolean else "=…"
    written = f"`--{flag.name}{value}`"
    default = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
    shown = "" if default in (None, "") or default is False else markdown_code(default)
    return f"| {written} | {shown} | {' '.join(words)} |"


def _markdown_text(text: str) -> str:
    """Prose of a docstring, where `code` stays code and nothing else has a meaning in Markdown."""
    parts = " ".join(text.split()).split("`")
    return "`".join(
        part if number % 2 else markdown_cell(part).replace("_", "\\_") for number, part in enumerate(parts)
    )
