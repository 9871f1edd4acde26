"""What setup.cfg cannot say: a wheel carries files of the repository, where `zoo.shipped` finds them."""

import json
import pathlib
import shutil

import setuptools
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent
CARRIED = [
    "configs/**/*.yaml", "scripts/*.py", "docs/*.md", "docs/models/*.md", "docs/models/notes.yaml",
    "docs/leaderboard.csv", "docs/weights.json",
]  # fmt: skip
MOST_BYTES = 2_000_000  # of weights; what the record does not mark as packaged is fetched when it is asked for


class BuildWithRepository(build_py):
    """Puts what a wheel carries into `zoo/repository`, which a checkout must not have, installed by `-e` or not."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = pathlib.Path(self.build_lib, "zoo", "repository")
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build
            for name in carried():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target / name)

    def get_source_files(self):  # those of an sdist, from which a wheel can be built
        return [*super().get_source_files(), *carried()]


def carried() -> list[str]:
    """Paths from the root of the repository."""
    record = ROOT / "docs/weights.json"
    entries = json.loads(record.read_text("utf-8"))["weights"].values() if record.exists() else []
    weights = [ROOT / "weights" / entry["file"] for entry in entries if entry["packaged"]]
    total = sum(path.stat().st_size for path in weights)
    if total > MOST_BYTES:
        raise SystemExit(f"{record}: {total:,} bytes of weights are marked as packaged, more than {MOST_BYTES:,}")
    others = [path for pattern in CARRIED for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).as_posix() for path in [*others, *weights]]


setuptools.setup(cmdclass={"build_py": BuildWithRepository})
