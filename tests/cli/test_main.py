"""What a user sees of a mistake: one line on stderr and a code, whoever found it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unigs import cli
from unigs.cli import COMMANDS, main


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["unigs", *(str(part) for part in arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


EVALUATE = ("evaluate", "--model", "m", "--task", "entity", "--shards", "s")
TRAIN = ("train", "--task", "entity", "--shards", "s", "--out", "o")
PREDICT = ("predict", "--model", "nowhere", "--task", "entity", "--image", "nowhere.png")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((*PREDICT, "--out", "o", "--steps", "1.5"), 2, "'--steps'"),
        ((*PREDICT, "--out", "o", "--seed", "99999999999999999999"), 1, "seed: 9999"),
        ((*PREDICT, "--out", "o"), 1, "nowhere.png: no such file"),
        (PREDICT, 2, "'--out'"),
        (("predict", "--no-such"), 2, "--no-such"),
        (("prophesy",), 2, "prophesy"),
        ((*EVALUATE, "--set", "evaluation.batch_size=4"), 1, "--set changes a preset"),
        (
            (*EVALUATE, "--preset", "sd15", "--set", "evaluation.clipp=4"),
            1,
            "mean evaluation.clip?",
        ),
        ((*TRAIN, "--set", "training.batch_size=x"), 1, "training.batch_size=x: input should be"),
        ((*TRAIN, "--set", "training"), 1, "'training' is no setting"),
        (("run", "--from-failure", "--set", "training.steps=4"), 1, "leave --set out"),
        (("demo", "--port", "70000"), 2, "'--port'"),
        (("store", "export", "x.tar", "--store", "gone"), 1, "no store there"),
        (("store", "import", "gone.tar", "--store", "new"), 1, "gone.tar: cannot be unpacked"),
        (("score", "segmentation", "--gt", "a", "--pred", "b", "--backend", "c"), 2, "'--backend'"),
        (("score", "segmentation", "--gt", "a.json", "--pred", "b.json"), 1, "a.json"),
    ],
)
def test_one_line_and_a_code(monkeypatch, capsys, tmp_path, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    found, out, err = command(monkeypatch, capsys, *arguments)
    assert (found, out) == (code, "")
    (line,) = err.splitlines()
    assert line.startswith("unigs: ")
    assert said in line
    assert not list(tmp_path.iterdir())


def test_help_is_help(monkeypatch, capsys):
    code, out, _ = command(monkeypatch, capsys, "score", "--help")
    assert code == 0
    assert "segmentation" in out
    code, out, err = command(monkeypatch, capsys, "shards")
    assert code == 2
    assert "verify" in out + err


def test_the_version_and_the_short_help(monkeypatch, capsys):
    from unigs import __version__

    code, out, err = command(monkeypatch, capsys, "--version")
    assert (code, out, err) == (0, f"unigs {__version__}\n", "")
    for arguments in (("-h",), ()):
        _, out, err = command(monkeypatch, capsys, *arguments)
        assert err == ""
        for panel in COMMANDS:
            assert panel in out
    code, out, _ = command(monkeypatch, capsys, "predict", "-h")
    assert code == 0
    assert "--coarse-mask" in out


def test_a_shell_completes_commands_and_options():
    script = "import sys; sys.argv = ['unigs']; from unigs.cli import main; main()"

    def completed(line):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "_UNIGS_COMPLETE": "complete_bash", **words},
        )  # fmt: skip
        return done.stdout.split()

    assert completed("unigs pre") == ["predict"]
    assert completed("unigs shards v") == ["verify"]
    assert "--coarse-mask" in completed("unigs predict --co")


def test_every_command_has_its_group():
    modules = [module.rpartition(".")[2] for group in COMMANDS.values() for module in group]
    assert len(set(modules)) == len(modules)
    folder = Path(cli.__file__).parent
    found = {file.stem for file in folder.rglob("*.py")}
    others = {"__init__", "device", "output", "run_options", "champion"}
    others |= {file.stem for file in (folder / "shared").glob("*.py")}
    assert set(modules) == found - others
