"""The examples of the pages on the user's own data, with the files that stand there."""

import pathlib
import re
import shlex

import pytest

DOCS = pathlib.Path(__file__).parents[2] / "docs"
FILE = re.compile(r"<!-- file: (\S+) -->\n```\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"```console\n\$ python scripts/(\w+)\.py (.*?)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("name", "count"), [("own_data.md", 5), ("mixed_tables.md", 1)])
def test_each_command_prints_what_the_page_shows(run_script, tmp_path, name, count):
    page = (DOCS / name).read_text(encoding="utf-8")
    for name, content in FILE.findall(page):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    commands = COMMAND.findall(page)
    assert len(commands) == count
    for script, flags, shown in commands:
        done = run_script(script, *shlex.split(flags))
        pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", shown.rstrip("\n")))
        assert re.fullmatch(pattern, (done.stdout + done.stderr).rstrip("\n"), re.DOTALL), done.stdout + done.stderr
