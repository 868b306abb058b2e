#!/usr/bin/env python3
"""Makes rope.json: frequencies and rotated vectors as Hugging Face transformers computes them.

    python3 -m pip install torch==2.15.0 transformers==5.24.0
    python3 attention/testdata/rope.py > attention/testdata/rope.json

Each case has the plan's text, the width of a head, transformers' float32 frequencies and attention factor, the row "at" of the
cosines and sines of the model's own rotary embedding, the text being as long as the case says, and "turned":
the vector sin(0.7·i + 0.3) at position 37, rotated by the model code, by halves (llama) or by adjacent pairs (gptj).
"""
import json, sys

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as turn_pairs
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb as turn_halves
from transformers.models.stablelm.modeling_stablelm import StableLmRotaryEmbedding

HEAD = 32
SHORT = [1 + 0.05 * i for i in range(HEAD // 2)]
LONG = [1 + 0.7 * i for i in range(HEAD // 2)]
SCALES = [
    # text, rope_type, parameters, max_position_embeddings, seq_len the frequencies are computed for (0: none)
    ("rope(base=10000)", "default", {}, 4096, 0),
    ("rope(base=1000000)", "default", {"rope_theta": 1e6}, 4096, 0),
    ("rope(base=10000,dims=8)", "default", {"partial_rotary_factor": 0.25}, 4096, 0),
    ("rope(base=10000)+linear(factor=4)", "linear", {"factor": 4.0}, 4096, 0),
    # A ratio of factor·n/orig − (factor − 1) = 4.
    ("rope(base=10000)+ntk(factor=4)", "dynamic", {"factor": 2.0}, 100, 250),
    ("rope(base=10000,dims=16)+ntk(factor=4)", "dynamic", {"factor": 2.0, "partial_rotary_factor": 0.5}, 100, 250),
    ("rope(base=10000)+dynamic(factor=2,orig=100,len=90)", "dynamic", {"factor": 2.0}, 100, 90),
    ("rope(base=10000)+dynamic(factor=2,orig=100,len=180)", "dynamic", {"factor": 2.0}, 100, 180),
    ("rope(base=10000)+yarn(factor=4,orig=256)", "yarn", {"factor": 4.0, "original_max_position_embeddings": 256}, 1024, 0),
    ("rope(base=500000)+yarn(factor=16,orig=2048,fast=16,slow=2,attn=1.25,exact)", "yarn",
     {"rope_theta": 5e5, "factor": 16.0, "original_max_position_embeddings": 2048, "beta_fast": 16, "beta_slow": 2,
      "attention_factor": 1.25, "truncate": False}, 32768, 0),
    # Giraffe's bases (arXiv 2308.10882, section 3), which transformers does not have: from the default frequencies.
    ("rope(base=10000)+power(k=0.1)", "default", {"power": 0.1}, 4096, 0),
    ("rope(base=500000,dims=16)+power(k=0.5)", "default", {"rope_theta": 5e5, "partial_rotary_factor": 0.5, "power": 0.5}, 4096, 0),
    ("rope(base=10000)+truncated(orig=2048)", "default", {"truncated": 2048}, 4096, 0),
    ("rope(base=10000)+truncated(orig=64)", "default", {"truncated": 64}, 4096, 0),
    ("rope(base=500000)+llama3(factor=8,orig=256)", "llama3",
     {"rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 256}, 2048, 0),
    ("rope(base=500000)+llama3(factor=32,orig=8192,low=2,high=6)", "llama3",
     {"rope_theta": 5e5, "factor": 32.0, "low_freq_factor": 2.0, "high_freq_factor": 6.0,
      "original_max_position_embeddings": 8192}, 131072, 0),
    ("rope(base=10000)+longrope(factor=4,orig=100,len=100)", "longrope",
     {"short_factor": SHORT, "long_factor": LONG, "factor": 4.0, "original_max_position_embeddings": 100}, 400, 100),
    ("rope(base=10000)+longrope(factor=4,orig=100,len=101)", "longrope",
     {"short_factor": SHORT, "long_factor": LONG, "factor": 4.0, "original_max_position_embeddings": 100}, 400, 101),
    ("rope(base=10000)+longrope(factor=4,orig=100,attn=1.5,len=400)", "longrope",
     {"short_factor": SHORT, "long_factor": LONG, "factor": 4.0, "original_max_position_embeddings": 100,
      "attention_factor": 1.5}, 400, 400),
]


def giraffe(freqs, power, orig):
    """The power basis θ_j·(1 − 2j/d)^k, or the truncated one: θ from a turn in orig rows on, an eighth of that cuts to 0."""
    if power:
        return freqs * (1 - torch.arange(len(freqs)) / len(freqs)) ** power
    turn = 2 * torch.pi / orig
    return torch.where(freqs >= turn, freqs, torch.where(freqs < turn / 8, 0.0, turn / 16))


def frequencies(kind, params, longest, seq_len):
    params = {"rope_theta": 10000.0, "rope_type": kind, **params}
    power, orig = params.pop("power", 0), params.pop("truncated", 0)
    config = LlamaConfig(hidden_size=4 * HEAD, num_attention_heads=4, head_dim=HEAD, max_position_embeddings=longest,
                         rope_parameters=params)
    at = (seq_len or 1000) - 1
    # Of the two classes only StableLM's rotates a part of the head by default.
    embedding = (StableLmRotaryEmbedding if kind == "default" else LlamaRotaryEmbedding)(config)
    if power or orig:
        embedding.inv_freq = giraffe(embedding.inv_freq, power, orig)
    cos, sin = embedding(torch.zeros(1), torch.arange(at + 1)[None])
    half = cos.shape[-1] // 2
    table = {"at": at, "cos": cos[0, at, :half].tolist(), "sin": sin[0, at, :half].tolist()}
    if power or orig:
        return embedding.inv_freq, 1.0, table
    if kind == "default":
        return *StableLmRotaryEmbedding.compute_default_rope_parameters(config), table
    return *ROPE_INIT_FUNCTIONS[kind](config, "cpu", seq_len=seq_len or None), table


def turned(inv, mag, adjacent):
    """One head's vector at position 37, rotated by the model code."""
    x = torch.sin(torch.arange(HEAD, dtype=torch.float32) * 0.7 + 0.3)
    rot = 2 * len(inv)
    angle = 37 * inv.double()
    cos, sin = (mag * torch.cos(angle)).float(), (mag * torch.sin(angle)).float()
    part = x[:rot]
    if adjacent:
        y = turn_pairs(part.view(1, 1, 1, rot), sin.view(1, 1, -1), cos.view(1, 1, -1))
    else:
        y, _ = turn_halves(part.view(1, 1, 1, rot), part.view(1, 1, 1, rot), torch.cat([cos, cos]).view(1, 1, rot),
                           torch.cat([sin, sin]).view(1, 1, rot))
    return torch.cat([y.flatten(), x[rot:]])


def main():
    cases = []
    for text, kind, params, longest, seq_len in SCALES:
        inv, mag, table = frequencies(kind, params, longest, seq_len)
        for adjacent in (False, True):
            plan = text.replace("rope(", "rope(adjacent,", 1) if adjacent else text
            cases.append({
                "pos": plan, "dim": HEAD, "attention_factor": float(mag), "inv_freq": [float(f) for f in inv],
                **table, "turned": turned(inv, mag, adjacent).tolist(),
            })
    def short(x):
        if isinstance(x, float):
            return float("%.9g" % x)
        if isinstance(x, list):
            return [short(v) for v in x]
        return {k: short(v) for k, v in x.items()} if isinstance(x, dict) else x
    out = {"command": "python3 attention/testdata/rope.py", "short": SHORT, "long": LONG, "cases": None}
    text = json.dumps(short(out))[:-len("null}")] + "[\n" + ",\n".join(json.dumps(short(c)) for c in cases) + "\n]}\n"
    sys.stdout.write(text)


main()
