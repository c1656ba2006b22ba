"""Settings are described by the docstrings of their sections."""

from unigs.config.descriptions import setting_descriptions
from unigs.config.overrides import setting_names
from unigs.config.preset import Preset


def test_every_setting_is_there_with_what_its_section_says_of_it():
    said = setting_descriptions(Preset)
    assert list(said) == list(setting_names(Preset))
    assert said["data.size"] == "side of a sample in pixels."
    # Several names have one text, which may go on for lines.
    assert said["data.train_entities"] == said["data.test_entities"]
    assert said["training.warmup_steps"] == (
        "linear warm-up, then a cosine from `learning_rate` to `final_rate` times it."
    )
    assert said["checkpoint"].startswith("directory or Hub id of a Stable Diffusion 1 or 2 pip")
    assert not [name for name, text in said.items() if not text or "\n" in text or "  " in text]
