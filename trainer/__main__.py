"""`python -m ioebss.trainer`, for launchers that start modules: `torchrun -m -- ioebss.trainer
...`.
"""

from ioebss.trainer.cli import main

if __name__ == "__main__":
    main()
