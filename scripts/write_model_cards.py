"""Write the README's table, docs/models/*.md, docs/config.md and docs/commands.md anew.

    python scripts/write_model_cards.py
    python scripts/write_model_cards.py --check

They tell of docs/leaderboard.csv, the configs, the registry, zoo/settings/ and the scripts. Learning curves and
confusion matrices are drawn from finished runs of seed 0 in --runs_dir; where there is none, the pictures stay as they
are. --check writes nothing and ends with status 1 where a document disagrees.
"""

import os

from absl import flags

from zoo import command_line
from zoo.command_words import STARTED_AS, command
from zoo.errors import ZooError
from zoo.shipped import is_installed, shipped

CHECK = flags.DEFINE_bool("check", False, "Write nothing; name the documents that disagree, and end with status 1.")
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where the runs are that pictures are drawn from.")


def main() -> int:
    from zoo.comparison import card_pictures, model_cards

    if is_installed():
        raise ZooError("write_model_cards writes documents of the repository; start it in a checkout")
    again = command("write_model_cards")
    os.environ.pop(STARTED_AS, None)  # documents name the scripts
    root = shipped("").resolve()
    if CHECK.value:
        wrong = model_cards.disagreements(root)
        for path in wrong:
            print(f"{path.relative_to(root)} is not as the program writes it; {again}")
        return 1 if wrong else 0
    written = card_pictures.draw(model_cards.models_with_configs(), RUNS_DIR.value, root) + model_cards.write(root)
    for path in written:
        print(path.relative_to(root))
    return 0


if __name__ == "__main__":
    command_line.run(main)
