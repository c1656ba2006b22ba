"""Text encoders: a small frozen one for closed vocabularies, or CLIP's from a directory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from unigs.errors import ConfigError, ModelError
from unigs.models.source import (
    component_directory,
    loading,
    require_family,
    resolve_directory,
)
from unigs.models.tokenizer import build_tokenizer
from unigs.tasks import TASKS, make_prompt

__all__ = ["build_text_encoder", "encode_prompts", "load_text_encoder"]

# Against token embeddings of deviation 1: positions must not blur which word stands there.
POSITION_DEVIATION = 0.1


def build_text_encoder(
    names: Iterable[str],
    hidden_size: int = 128,
    layers: int = 1,
    heads: int = 4,
    max_length: int = 32,
    seed: int = 0,
) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Return a frozen, seeded CLIP text encoder for prompts over the class `names`.

    Its embeddings form a tight frame (orthogonal while the vocabulary is smaller than
    `hidden_size`), and its layers are random and weak, so the state at a word tells which word
    it is, with a trace of the words before it. Nothing is trained: the UNet's cross-attention
    learns what the words mean.

    Args:
        names: class names, normalised as in the prompts; several words each are fine.
        hidden_size: D, the width of a token's state (the UNet's cross_attention_dim).
        max_length: L, tokens a prompt may have, start and end included.
        seed: of the weights.

    Returns:
        (tokenizer, encoder), savable with `save_text_encoder`.
    """
    tokenizer = build_tokenizer(names, max_length)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=4 * hidden_size,
        projection_dim=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = CLIPTextModel(config)
        # Some versions of transformers nest them one deeper.
        weights = {n.removeprefix("text_model."): p.data for n, p in encoder.named_parameters()}
        embeddings = weights["embeddings.token_embedding.weight"]
        nn.init.orthogonal_(embeddings)
        # The pieces that prompts consist of get a frame of their own, apart from the bytes.
        whole = _whole_word_ids(tokenizer)
        embeddings[whole] = nn.init.orthogonal_(torch.empty(len(whole), hidden_size))
        embeddings *= hidden_size**0.5 / embeddings.norm(dim=1, keepdim=True)
        positions = weights["embeddings.position_embedding.weight"]
        positions.normal_(std=POSITION_DEVIATION)
    return tokenizer, encoder.eval().requires_grad_(False)


def _whole_word_ids(tokenizer: CLIPTokenizer) -> list[int]:
    """Return the ids of pieces that are whole words of several letters, and of the special
    tokens."""
    vocabulary = tokenizer.get_vocab()
    whole = {index for piece, index in vocabulary.items() if len(piece.removesuffix("</w>")) > 1}
    inner = {index for piece, index in vocabulary.items() if not piece.endswith("</w>")}
    return sorted((whole - inner) | set(tokenizer.all_special_ids))


def load_text_encoder(
    source: str | Path, dtype: torch.dtype = torch.float32
) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Tokenizer and frozen text encoder of a pipeline directory (tokenizer/, text_encoder/) or
    Hub id, ours or Stable Diffusion's.

    Raises:
        ModelError: a part is missing, of another family, cut short, or pickles only.
    """
    directory = resolve_directory(source)
    require_family(directory)
    folder = component_directory(directory, "text_encoder")
    if not (directory / "tokenizer").is_dir():
        raise ModelError(f"{directory}: no tokenizer/; give a diffusers directory that has one")
    options = loading(folder)
    try:
        tokenizer = CLIPTokenizer.from_pretrained(directory / "tokenizer")
        encoder = CLIPTextModel.from_pretrained(folder, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{directory}: text encoder does not load ({reason})") from error
    return tokenizer, encoder.eval().requires_grad_(False)


def save_text_encoder(
    directory: str | Path, tokenizer: CLIPTokenizer, encoder: CLIPTextModel
) -> None:
    """Write tokenizer/ and text_encoder/ under `directory`, in the layout of diffusers."""
    tokenizer.save_pretrained(Path(directory) / "tokenizer")
    encoder.save_pretrained(Path(directory) / "text_encoder")


def max_tokens(tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> int:
    """L: the tokens of a padded prompt, start and end included."""
    return min(tokenizer.model_max_length, encoder.config.max_position_embeddings)


def longest_prompt(
    tokenizer: CLIPTokenizer, class_names: Iterable[str], most: int
) -> tuple[str, int]:
    """Return the prompt of the most tokens, start and end included, that names up to `most` of some
    classes, and its number of tokens."""
    names = sorted(set(class_names), key=lambda name: (-_tokens(tokenizer, name), name))[:most]
    prompts = [make_prompt(t, names) for t in TASKS.values() if names or not t.takes_names]
    return max(((prompt, _tokens(tokenizer, prompt)) for prompt in prompts), key=lambda p: p[1])


def require_room(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, class_names: Iterable[str], most: int
) -> None:
    """Check, before anything is built on them, that prompts over some classes fit the encoder.

    Args:
        class_names: as prompts say them.
        most: classes that a prompt names at most.

    Raises:
        ConfigError: one does not.
    """
    prompt, tokens = longest_prompt(tokenizer, class_names, most)
    length = max_tokens(tokenizer, encoder)
    if tokens > length:
        raise ConfigError(
            f"class names are too long: a prompt of {most} takes {tokens} tokens, the text encoder"
            f" {length}: {prompt!r}",
            hint="shorten the names in the annotation file, or give samples fewer entities",
        )


def _tokens(tokenizer: CLIPTokenizer, text: str) -> int:
    return len(tokenizer(text).input_ids)


def encode_prompts(
    tokenizer: CLIPTokenizer,
    encoder: CLIPTextModel,
    prompts: Sequence[str],
    batch_size: int = 256,
    device: torch.device | None = None,
) -> Tensor:
    """Prompts -> (n, L, D) float32 last hidden states on `device` (the encoder's if None),
    padded to L.

    Raises:
        ConfigError: `batch_size` is below 1.
        ModelError: a prompt has more tokens than the encoder takes: nothing is cut silently.
    """
    if batch_size < 1:
        raise ConfigError(f"batches of {batch_size} prompts: give 1 or more")
    length = max_tokens(tokenizer, encoder)
    parts = []
    for start in range(0, len(prompts), batch_size):
        chunk = list(prompts[start : start + batch_size])
        ids = tokenizer(chunk, padding="max_length", max_length=length).input_ids
        for prompt, tokens in zip(chunk, ids, strict=True):
            if len(tokens) > length:
                raise ModelError(
                    f"prompt of {len(tokens)} tokens, the text encoder takes {length}: "
                    f"{prompt!r}; name fewer classes"
                )
        with torch.no_grad():
            states = encoder(torch.tensor(ids, device=device or encoder.device)).last_hidden_state
        parts.append(states.float())
    return torch.cat(parts) if parts else torch.zeros(0, length, encoder.config.hidden_size)
