"""What mkdocs does beside its own work: the home page, the tutorial with its outputs, links out of docs/.

README.md is the home page, and files of the repository that pages link to become pages. Each link stays as it is in
the repository, where it leads to the file itself.
"""

import os
import pathlib
import re
import tempfile

from mkdocs.structure.files import File

REPOSITORY = pathlib.Path(__file__).parents[1]
TUTORIAL = "tutorial.md"
_LINK = re.compile(r"(?<=\]\()([^()\s#:]+)(?=[)#])")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".lua": "lua"}
_building = {}


def on_startup(command, dirty):
    """Remember whether this is `mkdocs serve`, which shows the tutorial as it is; all others execute it."""
    _building["command"] = command


def on_files(files, config):
    """Add the home page, the files outside docs/ that pages link to, and the executed tutorial."""
    pages = {"index.md": "README.md"} | {file.src_uri: f"docs/{file.src_uri}" for file in files.documentation_pages()}
    todo = list(pages.values())
    while todo:
        path = todo.pop()
        for target in _linked(path, (REPOSITORY / path).read_text(encoding="utf-8")):
            if not target.startswith("docs/") and _uri(target) not in pages:
                pages[_uri(target)] = target
                todo += [target] if target.endswith(".md") else []
    for uri, path in pages.items():
        if not path.startswith("docs/"):
            files.append(File.generated(config, uri, content=_page(path)))
    if _building.get("command") != "serve":
        text, pictures = _executed((REPOSITORY / "docs" / TUTORIAL).read_text(encoding="utf-8"))
        _building["tutorial"] = text
        for name, content in pictures.items():
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the repository into links between pages of the site."""
    uri = page.file.src_uri
    if uri == TUTORIAL:
        markdown = _building.get("tutorial", markdown)
    path = "README.md" if uri == "index.md" else uri if page.file.generated_by else f"docs/{uri}"

    def on_the_site(found):
        target = _repository_path(path, found[0])
        return os.path.relpath(_uri(target), os.path.dirname(uri)) if (REPOSITORY / target).is_file() else found[0]

    return _LINK.sub(on_the_site, markdown)


def _linked(path, text):
    """The files of the repository that a page links to."""
    targets = {_repository_path(path, target) for target in _LINK.findall(text)} if path.endswith(".md") else set()
    return sorted(target for target in targets if (REPOSITORY / target).is_file())


def _repository_path(path, target):
    return os.path.normpath(os.path.join(os.path.dirname(path), target))


def _uri(path):
    """Where a file of the repository stands in the site."""
    if path == "README.md":
        return "index.md"
    return path.removeprefix("docs/") if path.startswith("docs/") or path.endswith(".md") else f"source/{path}.md"


def _page(path):
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    if path == "README.md":
        return f"---\nhide: [toc]\n---\n{text}"
    if path.endswith(".md"):
        return text
    language = _LANGUAGES.get(pathlib.PurePath(path).suffix, "text")
    return f"---\nsearch:\n  exclude: true\n---\n# {path}\n\n~~~~{language}\n{text}~~~~\n"


def _executed(text):
    """A notebook in Markdown, run in an empty folder: Markdown with its outputs, and the pictures by name.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails; the text has the cell and its error.
    """
    import jupytext
    import nbclient
    import nbconvert

    notebook = jupytext.reads(text, fmt="md")
    with tempfile.TemporaryDirectory() as folder:
        where = {"resources": {"metadata": {"path": folder}}, "kernel_name": "python3"}
        client = nbclient.NotebookClient(notebook, timeout=300, **where)
        client.execute(env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    exporter = nbconvert.MarkdownExporter()
    markdown, resources = exporter.from_notebook_node(notebook, resources={"output_files_dir": "tutorial_files"})
    return markdown, resources["outputs"]
