"""`ioebss-bench convergence`: training with and without Label Loss, the same seeds."""

from __future__ import annotations

from ioebss.evaluation.convergence import add_convergence_options as add_arguments
from ioebss.evaluation.convergence import convergence_command as run

DESCRIPTION = (
    "Training with and without Label Loss: the same network, data and seeds; validation IoU "
    "against iterations (table 4 and figure 5 of the paper)."
)
__all__ = ["DESCRIPTION", "add_arguments", "run"]
