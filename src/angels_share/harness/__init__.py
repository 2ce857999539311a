"""Running lm-evaluation-harness for a pair, task by task and resumable. The only package that imports lm-eval.

A run of a pair is a folder::

    <output>/run.json                      provenance: commands, versions, settings, weights
    <output>/teacher/<model>/              results and samples files, exactly as lm-eval writes them
    <output>/student/<model>/
    <output>/teacher/second_stage/, …      the same of tasks made from both models' answers
    <output>/teacher_repeat/<model>/       optional: the teacher again, other sampling seed and batch size
    <output>/teacher_calibration/<model>/  optional: the teacher on the calibration items

Each task is evaluated on its own with all seeds set anew, so a killed run goes on with the tasks it lacks, and each
role holds what ``lm-eval run --tasks <task>`` gives for the same seed.

The parts, in the order in which they build on each other:

* :mod:`~angels_share.harness.planning`: models, settings and roles
* :mod:`~angels_share.harness.provenance`: the same with plain lm-eval, and the record beside the logs
* :mod:`~angels_share.harness.resuming`: what a folder holds already
* :mod:`~angels_share.harness.stock`: tasks of lm-eval's own
* :mod:`~angels_share.harness.running`: running models on tasks
* :mod:`~angels_share.harness.sampling`: running a model on some documents
"""

from angels_share.harness.planning import DEFAULT_SEEDS, ModelChoice, PairRun, Role, Settings, plan
from angels_share.harness.provenance import SAMPLERS, commands, lm_eval_config, teacher_of, write_provenance
from angels_share.harness.resuming import adopt_teacher, finished_tasks, roles_of
from angels_share.harness.running import run

__all__ = [
    "DEFAULT_SEEDS",
    "SAMPLERS",
    "ModelChoice",
    "PairRun",
    "Role",
    "Settings",
    "adopt_teacher",
    "commands",
    "finished_tasks",
    "lm_eval_config",
    "plan",
    "roles_of",
    "run",
    "teacher_of",
    "write_provenance",
]
