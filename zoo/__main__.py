"""`python -m zoo train …` is `zoo train …`."""

import sys

from zoo.main import main

if not sys.flags.safe_path:
    del sys.path[0]  # the folder that the user is in, whose files are to take the place of no module
main("python -m zoo")
