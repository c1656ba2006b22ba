"""The slow tests of the launcher `ray`, on a cluster of two nodes that they start on this machine.

Run with `.venv/bin/python`. Ray and what it brings are no part of that environment: another one
(.venv-ray) lies over it, with requirements-ray.txt.
"""

import sys

from overlay import test_with

if __name__ == "__main__":
    sys.exit(test_with("ray", "tests/resources/ray_cluster"))
