"""Start several workers on this machine.

    python scripts/launch.py --workers=2 -- python scripts/train.py --model=mnist_cnn

Each gets its TF_CONFIG. Lines of the first worker, the chief, come as they are, those of the others with their number;
all go to files in --logs_dir too. When one dies, all end; --max_restarts starts them again from the last checkpoint.
"""

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_integer("workers", 2, "how many processes", lower_bound=1)
flags.DEFINE_integer(
    "max_restarts", 0, "how often to start all again, with --resume=auto, after one died", lower_bound=0
)
flags.DEFINE_integer("threads", None, "threads a worker, each on a core of its own if there are enough", lower_bound=1)
flags.DEFINE_string("logs_dir", "logs", "folder for worker-0.log, worker-1.log, …")


def main(command: list[str]) -> int:
    from zoo.experiments.launch import launch

    return launch(command, FLAGS.workers, FLAGS.max_restarts, FLAGS.threads, FLAGS.logs_dir)


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
