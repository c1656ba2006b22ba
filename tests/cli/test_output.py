"""What commands print is JSON that any reader takes."""

import json
from pathlib import Path

import numpy as np

from unigs.cli.output import print_result


def test_what_is_no_number_is_null(capsys):
    result = {
        "miou": float("nan"),
        "rows": [{"p": np.float64("nan"), "first": np.float32(0.5)}, (float("inf"), 1)],
        "counts": np.arange(2),
        "folder": Path("a"),
    }
    print_result(result, as_json=True)
    told = json.loads(capsys.readouterr().out, parse_constant=lambda name: 1 / 0)
    assert told == {
        "miou": None,
        "rows": [{"p": None, "first": 0.5}, [None, 1]],
        "counts": [0, 1],
        "folder": "a",
    }
