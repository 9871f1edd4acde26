"""One style of docstrings: what ruff's pydocstyle rules leave open."""

import ast
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).parents[1]
SECTION = re.compile(r"^( *)(?:Args|Attributes|Returns|Raises|Yields):\n( *)\S", re.MULTILINE)


def test_what_stands_in_a_section_is_indented_by_four():
    wrong = []
    for path in [*REPOSITORY.glob("zoo/**/*.py"), *REPOSITORY.glob("scripts/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                for section in SECTION.finditer(ast.get_docstring(node) or ""):
                    if len(section[2]) - len(section[1]) != 4:
                        wrong.append(f"{path.relative_to(REPOSITORY)}: {getattr(node, 'name', 'module')}")
    assert not wrong
