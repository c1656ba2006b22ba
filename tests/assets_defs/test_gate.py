"""The checks of a decision fail when the model is worse."""

from assets_defs.gate import BETTER, NOT_WORSE, checks


def decision(**differences: float) -> dict:
    return {
        "reason": "not promoted: worse",
        "differences": {
            task: {"difference": value, "ci_low": value - 0.02, "ci_high": value + 0.02}
            for task, value in differences.items()
        },
    }


def passed(found: dict) -> dict[str, bool]:
    return {check.check_name: check.passed for check in checks(found)}


def test_a_better_model_passes() -> None:
    assert passed(decision(mean=0.1, entity=0.21, referring=-0.01)) == {
        BETTER: True,
        NOT_WORSE: True,
    }


def test_without_a_champion_there_is_nothing_to_fail() -> None:
    assert passed({"reason": "the first model"}) == {BETTER: True, NOT_WORSE: True}


def test_a_worse_mean_and_a_worse_task_fail() -> None:
    found = decision(mean=-0.001, entity=0.1, referring=-0.1)
    assert passed(found) == {BETTER: False, NOT_WORSE: False}
    told = {check.check_name: check.description for check in checks(found)}
    assert told == {BETTER: "not promoted: worse", NOT_WORSE: "worse in referring"}
    assert passed(decision(mean=0.1, entity=0.5, referring=-0.1)) == {
        BETTER: True,
        NOT_WORSE: False,
    }
