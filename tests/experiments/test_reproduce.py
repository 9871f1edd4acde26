"""reproduce.py: a claim that holds passes, one that is a point too high fails, and each has its exit status."""

import pytest

import zoo


@pytest.fixture
def config_file(tmp_path):
    def write(accuracy, name="binary_mlp"):
        config = zoo.load_config(name)
        half = (config.claim.interval[1] - config.claim.interval[0]) / 2
        claim = config.claim.model_copy(update={"value": accuracy, "interval": [accuracy - half, accuracy + half]})
        (tmp_path / "config.yaml").write_text(config.model_copy(update={"claim": claim}).to_yaml())
        return "--config=config.yaml"

    return write


@pytest.mark.slow
def test_the_claim_passes_and_raised_by_a_point_it_fails(run_script, config_file, tmp_path):
    passed = run_script("reproduce", "binary_mlp", "--quick")
    assert passed.returncode == 0, passed.stderr
    assert passed.stdout.startswith("binary_mlp passes: ")
    raised = config_file(zoo.load_config("binary_mlp").claim.value + 0.01)
    failed = run_script("reproduce", raised, "--quick", "--resume")
    assert failed.returncode == 1, failed.stderr
    assert failed.stdout.startswith("binary_mlp FAILS: ") and "finished before" in failed.stderr
    judged = run_script("reproduce", "binary_mlp", "xor_mlp", "--finished=runs/reproduced")
    assert judged.returncode == 2  # one passes, and of the other there is no run
    assert judged.stdout.startswith("binary_mlp passes: ") and "xor_mlp was not judged: " in judged.stderr
    (tmp_path / "other.yaml").write_text((tmp_path / "config.yaml").read_text().replace("epochs: 15", "epochs: 16"))
    other = run_script("reproduce", "--config=other.yaml", "--finished=runs/reproduced")
    assert other.returncode == 2 and "config of the claim" in other.stderr
    both = run_script("reproduce", "xor_mlp", raised, "--finished=runs/reproduced")
    assert both.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "nothing to reproduce"), (["simple_cnn"], "makes no claim"), (["xor_mpl"], "xor_mlp")],
)
def test_mistakes_end_in_one_line(run_script, arguments, words):
    done = run_script("reproduce", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
