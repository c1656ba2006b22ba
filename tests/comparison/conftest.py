"""Two evaluations of six samples: one by a model that knows the truth, one by a worse one."""

from pathlib import Path

import pytest

# What needs torch is imported within: without it the tests of this folder are skipped.
COUNT = 6


def evaluated(folder: Path, drawn: list, worth: str) -> Path:
    """The evaluation of the referring task by a pipeline of this worth."""
    from tests.support.evaluation.evaluated_shards import KnowingPipeline
    from tests.support.evaluation.toy_evaluators import toy_evaluators
    from unigs.evaluation import evaluate as evaluation
    from unigs.evaluation.evaluate import evaluate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "read_samples", lambda shards: iter(drawn))
        pipeline = KnowingPipeline(drawn, worth)
        evaluate(pipeline, "referring", folder, toy_evaluators(), folder, baselines=False)
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list:
    """The samples."""
    from tests.support.evaluation.evaluated_shards import samples

    return samples(tmp_path_factory.mktemp("scenes"), "referring", COUNT)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, drawn: list) -> tuple[Path, ...]:
    """The evaluations' folders, the good model's first."""
    base = tmp_path_factory.mktemp("evaluations")
    worths = ("truth", "blurred")
    return tuple(evaluated(base / worth / "referring", drawn, worth) for worth in worths)


@pytest.fixture(scope="session")
def sides(folders: tuple[Path, ...]) -> tuple:
    """The evaluations."""
    from unigs.comparison.evaluation import Evaluation

    return Evaluation.read(folders[0], "good"), Evaluation.read(folders[1], "<poor>")


@pytest.fixture(scope="session")
def inputs(drawn: list):
    """What the samples were."""
    from unigs.comparison.inputs import inputs_of

    return inputs_of(drawn, {sample.key for sample in drawn})
