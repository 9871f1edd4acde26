"""The bounds themselves: a process that takes too much is found out."""

import pytest


def test_too_much_memory_and_time_are_noticed(fork_server, tmp_path):
    greedy = tmp_path / "greedy.py"
    greedy.write_text("import sys, time\nx = b'x' * (int(sys.argv[1]) << 20)\nwhile time.process_time() < 1: pass\n")
    done, usage = fork_server.run_measured(["python", str(greedy), "600"], cwd=tmp_path, env={}, timeout=60)
    assert done.returncode == 0
    assert usage["peak_bytes"] > 400 << 20
    assert usage["seconds"] == pytest.approx(1, abs=0.5)
