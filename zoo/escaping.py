"""Text that leaves the zoo. Names come from files of others, and must steer neither terminal, spreadsheet nor page."""

import json
import re
import sys
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # letters of some scripts, and emoji, need them
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, writing direction, half pairs, ends of lines
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")  # -1 may be the name of a class


def printable(text: object) -> str:
    r"""One line for a terminal: controls, ends of lines and changes of direction as `\x1b`, `\n`, `\u202e`."""
    return _without_hidden(str(text), lambda character: character.encode("unicode_escape").decode())


def printable_text(text: str) -> str:
    """Text of several lines for a terminal: ends of lines and tabs stay, the rest is as `printable` says."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def tell(text: object) -> None:
    """Print one line on standard error, as `printable`."""
    print(printable(text), file=sys.stderr)


def json_text(value: Any) -> str:
    """JSON for people: letters of all scripts stay as they are; what `printable` escapes is escaped as JSON does it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(_without_hidden(line, lambda character: json.dumps(character)[1:-1]) for line in text.split("\n"))


def spreadsheet_cell(value: object) -> object:
    """A cell of a CSV file. A text that a spreadsheet would take for a formula gets a `'` in front."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def markdown_cell(text: object) -> str:
    """A cell of a Markdown table: no column, line, tag, link, picture, code or emphasis begins in it."""
    text = re.sub(r"[\\`|*~]", r"\\\g<0>", printable(text))
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"&(?=#?\w+;)", "&amp;", text))
    return text.replace("](", "]\\(")


def markdown_code(text: object) -> str:
    """A text as code in a cell of a Markdown table."""
    return "`" + printable(text).replace("`", "'").replace("|", "\\|") + "`"


def _without_hidden(text: str, escape) -> str:
    if text.isprintable():
        return text
    hidden = (unicodedata.category(character) in _HIDDEN and character not in _JOINERS for character in text)
    return "".join(escape(c) if is_hidden else c for c, is_hidden in zip(text, hidden, strict=True))
