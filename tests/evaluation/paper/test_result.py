import json
import math

import pytest

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.evaluation.paper.published import PUBLISHED
from unigs.evaluation.paper.result import masks_table, protocol_table

VALUES = MetricValues(
    (
        MetricValue("miou", 0.5, ci_low=0.45, ci_high=0.55),
        MetricValue("miou", 0.61, protocol="single"),
        MetricValue("miou", 0.52, protocol="multiple", ci_low=0.5, ci_high=0.54),
        MetricValue("recall_50", 0.6, protocol="multiple"),
        MetricValue("miou", 0.9, role=Role.CEILING, source="codec", protocol="multiple"),
    )
)


@pytest.mark.parametrize("table", PUBLISHED.values(), ids=lambda table: str(table.number))
def test_what_the_paper_prints_is_whole(table):
    assert set(PUBLISHED) == set(range(3, 11))
    assert all(len(values) == len(table.columns) for _, values in table.rows)
    assert any("UniGS" in name or "PDM" in name or "ours" in name for name, _ in table.rows) or (
        table.number in (7, 9)
    )


def test_rows_of_models_follow_the_papers():
    table = protocol_table(5, {"joint": VALUES})
    lines = table.markdown().splitlines()
    assert lines[0] == "### Table 5: Referring segmentation"
    assert lines[2] == "| method | mIoU | recall |"
    assert "| UniGS (paper) | 0.808 | 0.872 |" in lines
    assert lines[6] == "| joint | 0.520 [0.500, 0.540] | 0.600 |"


def test_a_value_that_was_not_measured_is_a_dash():
    table = protocol_table(3, {"joint": VALUES})
    assert table.markdown().splitlines()[7] == "| joint | - | - | - | - |"


def test_the_networks_of_a_distance_are_named():
    values = MetricValues(
        tuple(
            MetricValue("frechet_distance", 3.0, "shapes-clip.1a2b", protocol=part)
            for part in ("single", "multiple")
        )
    )
    assert "Not the paper's networks: " in protocol_table(4, {"joint": values}).note
    fid = MetricValues((MetricValue("fid", 3.0, protocol="single"),))
    table = protocol_table(3, {"joint": fid})
    assert "Not the paper's" not in table.note
    assert "| joint | 3.000 | - | - | - |" in table.markdown()


def test_what_has_to_be_known_of_a_distance_is_told_once():
    values = MetricValues(
        tuple(
            MetricValue("fid", 3.0, protocol=part, note="few images")
            for part in ("single", "multiple")
        )
    )
    assert protocol_table(3, {"joint": values, "other": values}).note.count("few images.") == 1


def test_the_table_by_column_has_the_ends(tmp_path):
    table = protocol_table(5, {"joint": VALUES})
    table.write(tmp_path)
    columns = json.loads((tmp_path / "table.json").read_text())
    assert columns["method"] == ["Mask2Former, Swin-L", "UniGS", "joint"]
    assert columns["source"] == ["paper", "paper", "measured"]
    assert columns["mIoU"] == [0.815, 0.808, 0.52]
    assert columns["mIoU low"] == [None, None, 0.5]
    assert columns["recall high"] == [None, None, None]
    assert (tmp_path / "table.md").read_text() == table.markdown()


def test_values_at_hand():
    table = masks_table(8, [("PDM", [MetricValue("miou", 0.7), MetricValue("", math.nan)])], "Few.")
    assert table.markdown().endswith("| PDM | 0.700 | - |\n\nFew.\n")
