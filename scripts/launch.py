"""Start several workers on this machine, or print what starts them on Kubernetes.

    python scripts/launch.py --workers=2 -- python scripts/train.py --model=mnist_cnn

Each gets its TF_CONFIG. Lines of the first worker, the chief, come as they are, those of the others with their number;
all go to files in --logs_dir too. When one dies, all end; --max_restarts starts them again from the last checkpoint.
docs/scaling.md has the command for Kubernetes.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

FLAGS = flags.FLAGS
flags.DEFINE_integer("workers", 2, "how many processes", lower_bound=1)
flags.DEFINE_integer(
    "max_restarts", 0, "how often to start all again, with --resume=auto, after one died", lower_bound=0
)
flags.DEFINE_integer("threads", None, "threads a worker, each on a core of its own if there are enough", lower_bound=1)
flags.DEFINE_string("logs_dir", "logs", "folder for worker-0.log, worker-1.log, …")
flags.DEFINE_enum("engine", "local", ["local", "kubernetes"], "what starts the workers")
flags.DEFINE_bool("print", False, "print the manifests for kubectl apply; this command itself reaches no cluster")
flags.DEFINE_string("image", None, "Kubernetes: the image of the workers")
flags.DEFINE_string("name", "zoo", "Kubernetes: the name of the job")
flags.DEFINE_enum("kind", "job", ["job", "jobset"], "Kubernetes: an indexed Job, or a JobSet, which is an operator's")
flags.DEFINE_string("volume", "zoo-runs", "Kubernetes: the claim of a volume that all may write, mounted as /shared")


def main(command: list[str]) -> int:
    if FLAGS.engine == "kubernetes":
        from zoo.experiments.kubernetes import manifests

        if not FLAGS["print"].value:
            raise ZooError("--engine=kubernetes: add --print, and give what it prints to kubectl apply -f -")
        restarts = FLAGS.max_restarts if FLAGS["max_restarts"].present else 10
        print(manifests(command, FLAGS.workers, restarts, FLAGS.image, FLAGS.name, FLAGS.kind, FLAGS.volume), end="")
        return 0
    if FLAGS["print"].value or FLAGS.image:
        raise ZooError("--print and --image are for --engine=kubernetes; add it, or leave them out")
    from zoo.experiments.launch import launch

    return launch(command, FLAGS.workers, FLAGS.max_restarts, FLAGS.threads, FLAGS.logs_dir)


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
