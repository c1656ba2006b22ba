"""`unigs lineage` and `unigs forget`: lines for people, JSON for programs, mistakes in one line."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from tests.support.runs.small_store import REGISTERED, SmallStore
from unigs.cli.operate.forget import forget
from unigs.cli.operate.lineage import lineage
from unigs.errors import UnigsError

FIRST = f"{REGISTERED}/1"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = SmallStore(tmp_path_factory.mktemp("made") / "store")
    store.data()
    store.train()
    return store


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made.base, tmp_path / "store")
    return tmp_path / "store"


def invoke(store, command, *arguments):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [*map(str, arguments), "--store", str(store)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_an_image_in_lines(made):
    key = made.image("train", 0).stem
    told = invoke(made.base, lineage, key).splitlines()
    assert told[0] == f"image shapes-tiny/train/{key}"
    assert f"  {FIRST} (trained on it, champion), 20" in "\n".join(told)
    assert "in shards:" in told
    assert any(line.startswith("  shapes-tiny/shards/train/entity: entity-0000") for line in told)
    assert any("annotations/panoptic_train2017.json" in line for line in told)


def test_a_metric_a_model_and_a_shard_in_lines(made):
    assert invoke(made.base, lineage, "entity.entity.miou").startswith(
        "metric entity.entity.miou = 0.5\nmade from:\n  shapes-tiny/raw "
    )
    assert f"{FIRST} (champion)" in invoke(made.base, lineage, "entity")
    shard = next(made.place("shards", "train", "entity").glob("*.tar"))
    told = invoke(made.base, lineage, shard)
    assert told.startswith(f"shard shapes-tiny/shards/train/entity/{shard.name}\n  sha256 ")


def test_json_is_one_object(made):
    answer = json.loads(invoke(made.base, lineage, made.image("val", 0), "--json"))
    assert answer["models"][0]["saw"] == "evaluated on it"


def test_forget_lists_what_is_tainted_and_undo_takes_it_back(made, store):
    keys = [made.image("train", number).stem for number in (0, 1)]
    told = invoke(store, forget, *keys, "--reason", "two\nlines")
    assert told.count(": two lines\n") == 2
    assert told.count(f"  model {FIRST} (trained on it, champion)") == 2
    assert told.count("  shard shapes-tiny/shards/train/entity: ") == 2
    assert told.endswith("the next unigs run builds without them what is in the store now\n")
    assert "  forgotten on 20" in invoke(store, lineage, keys[0])
    again = invoke(store, forget, keys[0])
    assert "already forgotten on 20" in again
    assert "the next" not in again
    undone = json.loads(invoke(store, forget, keys[0], "--undo", "--json"))
    assert (undone["forgotten"], undone["images"][0]["changed"]) == (False, True)
    assert "forgotten" not in invoke(store, lineage, keys[0])


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (
            lineage,
            ["nowhere"],
            "no metric, model, shard or image of this store is nowhere (give the key",
        ),
        (forget, ["0" * 64], "no image of this store is 0000"),
        (forget, ["a", "--undo", "--reason", "b"], "leave it out with --undo"),
    ],
)
def test_mistakes_are_one_line(made, command, arguments, said):
    with pytest.raises(UnigsError) as caught:
        invoke(made.base, command, *arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
