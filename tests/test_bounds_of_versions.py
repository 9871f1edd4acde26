"""No version with a known fault is allowed or installed, of the packages that read what others have written.

What .ci/run asks pip-audit goes further, where its service can be reached.
"""

import configparser
import importlib.metadata
import importlib.util
import json
import pathlib

import pytest
from packaging.requirements import Requirement

REPOSITORY = pathlib.Path(__file__).parents[1]
# The last version before the fixes that setup.cfg names.
KNOWN_BAD = {
    "jinja2": "3.1.5",
    "keras": "3.15.0",
    "onnx": "1.20.1",
    "pillow": "12.2.0",
    "protobuf": "6.33.4",
    "requests": "2.32.3",
    "torch": "2.5.1",  # CVE-2025-32434
}


def requirements():
    config = configparser.ConfigParser(inline_comment_prefixes=("#",))
    config.read(REPOSITORY / "setup.cfg")
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_no_known_bad_version_is_allowed(name):
    allowed = [requirement for requirement in requirements() if requirement.name == name]
    assert allowed and not any(KNOWN_BAD[name] in requirement.specifier for requirement in allowed)


def test_what_is_installed_is_what_is_allowed():
    checked = []
    for requirement in requirements():
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:  # of an extra that is not installed here
            continue
        assert version in requirement.specifier, requirement
        checked.append(requirement.name)
    assert {"keras", "pillow", "protobuf"} <= set(checked)


@pytest.fixture(scope="module")
def audit():
    specification = importlib.util.spec_from_file_location("audit", REPOSITORY / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
UNKNOWN = {"name": "keras-model-zoo", "skip_reason": "Dependency not found"}
BAD = {"name": "pillow", "version": "12.2.0", "vulns": [
    {"id": "PYSEC-2026-2253", "fix_versions": ["12.3.0"], "aliases": ["CVE-2026-55379"], "description": ""}
]}  # fmt: skip


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([GOOD, GOOD, UNKNOWN], 0, "2 packages audited, 0 known vulnerabilities"),
        ([GOOD, BAD, UNKNOWN], 1, "pillow 12.2.0: PYSEC-2026-2253 CVE-2026-55379, fixed in 12.3.0"),
        ([BAD, UNKNOWN, UNKNOWN, UNKNOWN], 1, "pillow 12.2.0"),
        ([GOOD, UNKNOWN, UNKNOWN, UNKNOWN], 0, "not audited: the service knows 1 of 4 packages"),
        (None, 0, "not audited: pip-audit cannot reach its service (no network)"),
    ],
)
def test_ci_fails_where_the_service_names_a_vulnerability(audit, packages, status, words):
    """The forms are those that pip-audit 2.10 printed: of a service that knows nothing and of one that does."""
    output = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    code, text = audit.judge(1, output, "WARNING: slow\nno network\n")
    assert code == status and words in text
