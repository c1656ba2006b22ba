"""``python -m unigs``, and the module that torchrun starts: the same as ``unigs``."""

from unigs.cli import main

if __name__ == "__main__":
    main()
