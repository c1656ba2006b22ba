import itertools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize
from transformers import CLIPTextConfig, CLIPTextModel

from unigs.config.preset import TextConfig
from unigs.errors import ConfigError, ModelError
from unigs.models.autoencoder import weights_digest
from unigs.models.components import make_text_encoder
from unigs.models.text import (
    build_text_encoder,
    encode_prompts,
    load_text_encoder,
    longest_prompt,
    max_tokens,
    save_text_encoder,
)
from unigs.models.tokenizer import build_tokenizer
from unigs.tasks import make_prompt

NAMES = ("ball", "box", "cone", "ring", "star", "traffic light", "wall clock", "sky", "ground")
TEMPLATES = (
    "inpainting: generate ball.",
    "synthesis: generate ball, box, and sky.",
    "referring: find wall clock.",
    "panoptic: all entities.",
)


@pytest.fixture(scope="module")
def pair():
    return build_text_encoder(NAMES, hidden_size=64)


@pytest.mark.parametrize("prompt", TEMPLATES)
def test_known_words_are_one_token_each(prompt):
    tokens = build_tokenizer(NAMES).tokenize(prompt)
    words = prompt.replace(":", " :").replace(",", " ,").replace(".", " .").split()
    assert [token.removesuffix("</w>") for token in tokens] == words


@pytest.mark.parametrize("text", ["a zebra", "naïve çedille", "日本 dog", "🙂", "snake_case-7"])
def test_any_other_word_falls_back_to_bytes_and_comes_back(text):
    tokenizer = build_tokenizer(NAMES)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert not set(ids) & set(tokenizer.all_special_ids)
    again = tokenizer.decode(ids).replace(" ", "")
    assert again == text.replace(" ", "")


def test_vocabulary_depends_on_the_set_of_words_alone():
    first, second = build_tokenizer(NAMES), build_tokenizer(reversed((*NAMES, "ball")))
    assert first.get_vocab() == second.get_vocab()


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=25))
def test_whatever_the_names_each_is_one_token(names):
    tokenizer = build_tokenizer(names)
    assert [tokenizer.tokenize(name) for name in names] == [[f"{name}</w>"] for name in names]


def test_similar_words_stay_whole_words():
    names = ("ban", "banana", "an", "ant", "antenna", "anan", "nab")
    tokenizer = build_tokenizer(names)
    assert [tokenizer.tokenize(name) for name in names] == [[f"{name}</w>"] for name in names]


def test_classes_are_well_separated_where_they_stand(pair):
    tokenizer, encoder = pair
    single = [name for name in NAMES if " " not in name]
    states = encode_prompts(tokenizer, encoder, [f"referring: find {name}." for name in single])
    at_class = normalize(states[:, 4], dim=-1)
    cosine = at_class @ at_class.T - 2 * torch.eye(len(single))
    assert cosine.max() < 0.5
    before = states[:, :4]
    assert torch.allclose(before, before[:1].expand_as(before), atol=1e-5)


def test_a_word_is_recognised_in_every_prompt(pair):
    tokenizer, encoder = pair
    prompts = [f"inpainting: generate {name}, and box." for name in ("ball", "cone", "ring")]
    plain = [f"referring: find {name}." for name in ("ball", "cone", "ring")]
    here = normalize(encode_prompts(tokenizer, encoder, prompts)[:, 4], dim=-1)
    there = normalize(encode_prompts(tokenizer, encoder, plain)[:, 4], dim=-1)
    assert ((here @ there.T).argmax(1) == torch.arange(3)).all()
    assert (here * there).sum(1).min() > 0.8


def test_shape_and_seed(pair):
    tokenizer, encoder = pair
    states = encode_prompts(tokenizer, encoder, TEMPLATES)
    assert states.shape == (4, 32, 64)
    assert states.dtype == torch.float32
    state = torch.random.get_rng_state()
    same = build_text_encoder(NAMES, hidden_size=64)[1]
    other = build_text_encoder(NAMES, hidden_size=64, seed=1)[1]
    assert torch.equal(state, torch.random.get_rng_state())
    assert weights_digest(same) == weights_digest(encoder) != weights_digest(other)


def test_round_trip_to_disk(pair, tmp_path):
    save_text_encoder(tmp_path, *pair)
    again = load_text_encoder(tmp_path)
    prompts = [*TEMPLATES, "referring: find zebra.", ""]
    assert torch.equal(encode_prompts(*again, prompts), encode_prompts(*pair, prompts))
    assert not any(p.requires_grad for p in again[1].parameters())


def test_batch_size_does_not_matter(pair):
    whole = encode_prompts(*pair, TEMPLATES)
    assert torch.allclose(whole, encode_prompts(*pair, TEMPLATES, batch_size=1), atol=1e-5)


@pytest.mark.parametrize("size", [0, -1])
def test_no_batch_drops_prompts(pair, size):
    with pytest.raises(ConfigError, match="give 1 or more"):
        encode_prompts(*pair, TEMPLATES, batch_size=size)


def test_prompts_that_are_too_long_are_refused(pair):
    with pytest.raises(ModelError, match=r"65 tokens.*takes 32"):
        encode_prompts(*pair, ["ball " * 63])


def test_missing_parts_are_named(pair, tmp_path):
    with pytest.raises(ModelError, match="text_encoder"):
        load_text_encoder(tmp_path)
    pair[1].save_pretrained(tmp_path / "text_encoder")
    with pytest.raises(ModelError, match="no tokenizer/"):
        load_text_encoder(tmp_path)


def test_clip_in_stable_diffusions_layout_loads(tmp_path):
    tokenizer = build_tokenizer(NAMES, max_length=77)
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    backend = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(backend["vocab"]))
    merges = [" ".join(pair) for pair in backend["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    )
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    CLIPTextModel(config).save_pretrained(tmp_path / "text_encoder")
    loaded, encoder = load_text_encoder(tmp_path)
    assert loaded(TEMPLATES[0]).input_ids == tokenizer(TEMPLATES[0]).input_ids
    assert encode_prompts(loaded, encoder, TEMPLATES).shape == (4, 77, 16)


LONG = [f"surface crack number {n} longer than ten millimetres" for n in range(5)]


def test_longest_prompt_is_the_longest_of_all_draws():
    tokenizer = build_tokenizer([*LONG, "cat", "dog"])
    prompt, tokens = longest_prompt(tokenizer, ["cat", *LONG, "dog"], 4)
    assert tokens == len(tokenizer(prompt).input_ids)
    for task in ("inpainting", "synthesis", "referring"):
        for names in itertools.permutations(["cat", *LONG], 4):
            assert len(tokenizer(make_prompt(task, names)).input_ids) <= tokens
    assert longest_prompt(tokenizer, [], 4)[0] == make_prompt("entity")


def test_seeded_encoder_makes_room_for_long_names():
    preset = TextConfig(max_length=24)
    tokenizer, encoder = make_text_encoder(preset, LONG, 4)
    assert max_tokens(tokenizer, encoder) > 24
    prompt, tokens = longest_prompt(tokenizer, LONG, 4)
    assert encode_prompts(tokenizer, encoder, [prompt]).shape == (1, tokens, 128)
    short = make_text_encoder(preset, ["cat", "dog"], 4)
    assert max_tokens(*short) == 24


def test_names_too_long_for_a_pretrained_encoder_are_told(tmp_path):
    save_text_encoder(tmp_path, *build_text_encoder(LONG, max_length=24, hidden_size=16))
    wanted = TextConfig(source=str(tmp_path))
    with pytest.raises(ConfigError, match=r"too long: a prompt of 4 takes \d+ tokens, the text"):
        make_text_encoder(wanted, LONG, 4)
    make_text_encoder(wanted, LONG, 1)
