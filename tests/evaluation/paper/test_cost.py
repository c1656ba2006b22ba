from types import SimpleNamespace

from unigs.evaluation.paper.cost import cost_table
from unigs.models.unet import build_unet

ARCHITECTURE = {
    "sample_size": 8,
    "block_out_channels": [16, 16],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "cross_attention_dim": 16,
    "attention_head_dim": 4,
    "norm_num_groups": 4,
}


def test_the_colormap_costs_a_few_channels_and_the_tasks():
    unet = build_unet(ARCHITECTURE, 4)
    table = cost_table(SimpleNamespace(unet=unet), steps=20)
    (plain_name, plain), (name, ours) = table.rows
    assert (plain_name, name) == ("inpainting counterpart", "UniGS")
    # 13 instead of 9 channels into 16, 8 instead of 4 out of 16 (with their biases), four tasks.
    more = 9 * 4 * 16 + 9 * 16 * 4 + 4 + 4 * 64
    assert round(1e6 * (ours[0].value - plain[0].value)) == more
    assert ours[1].value > 0
    assert plain[1].value > 0
    assert "20 steps" in table.note
