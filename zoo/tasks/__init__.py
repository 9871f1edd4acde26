"""What a model is asked, and what makes an answer good: one file a task, one line each in `catalog`.

Everything above asks the task, and nothing asks which task it is.
"""

from zoo.measures.metric import Metric
from zoo.tasks.task import OWN_SETTINGS, Player, Task, Training

__all__ = ["OWN_SETTINGS", "Metric", "Player", "Task", "Training"]
