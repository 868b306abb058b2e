#!/usr/bin/env python3
"""Makes the fixtures of folds: tiny Llamas with random weights and learned memory, and what NumPy makes of them in float64.

    python3 -m pip install numpy==2.4.6
    python3 testdata/fold/make.py      # rewrites the fixtures

Every directory holds config.json and model.safetensors as a model hub would have them, with the fold in plan text under "fold" and its
vectors in the tensor fold_embd.weight; ids.json (the input) and logits.npy (float32, [tokens, vocabulary]). Nothing here is shared with the
Go code, and nothing is dropped here:

gist (UniGist, arXiv 2509.15763): one dense pass over all rows, Z = [sinks][x_1 .. x_r g][x_r+1 .. x_2r g]..., with the explicit mask. A
gist has the position of the token behind it. Logits are those of the tokens' rows.

rmt (Recurrent Memory Transformer, as in BABILong, arXiv 2406.10149): each segment is a pass of its own over [memory][tokens][memory] under
the causal mask; the states of the last rows after the last norm are the next segment's memory. The last segment has no rows behind it.
rmt-none is the same without memory: segments that do not know of each other.
"""
import json, math, os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB, WIDTH, FF, LAYERS, HEADS, KV, DIM, EPS, BASE = 48, 24, 32, 2, 3, 1, 8, 1e-5, 10000.0
TOKENS = 200


def weights(rng):
    def matrix(rows, cols, gain=1.2):
        return (rng.standard_normal((rows, cols)) * gain / math.sqrt(cols)).astype(np.float32)

    def norm():
        return (1 + 0.2 * rng.standard_normal(WIDTH)).astype(np.float32)

    w = {"model.embed_tokens.weight": rng.standard_normal((VOCAB, WIDTH)).astype(np.float32), "model.norm.weight": norm(),
         "lm_head.weight": matrix(VOCAB, WIDTH)}
    for i in range(LAYERS):
        p = "model.layers.%d." % i
        w[p + "input_layernorm.weight"], w[p + "post_attention_layernorm.weight"] = norm(), norm()
        w[p + "self_attn.q_proj.weight"], w[p + "self_attn.k_proj.weight"] = matrix(HEADS * DIM, WIDTH), matrix(KV * DIM, WIDTH)
        w[p + "self_attn.v_proj.weight"], w[p + "self_attn.o_proj.weight"] = matrix(KV * DIM, WIDTH), matrix(WIDTH, HEADS * DIM)
        w[p + "mlp.gate_proj.weight"], w[p + "mlp.up_proj.weight"] = matrix(FF, WIDTH), matrix(FF, WIDTH)
        w[p + "mlp.down_proj.weight"] = matrix(WIDTH, FF)
    return w


def rms(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * weight


def rotate(x, pos):
    """RoPE of x[heads, rows, DIM], with pairs i and i + DIM/2."""
    angle = pos[:, None] * BASE ** (-np.arange(DIM // 2) * 2.0 / DIM)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = x[..., :DIM // 2], x[..., DIM // 2:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def states(w, x, pos, mask):
    """The states [rows, WIDTH] after the last norm of rows that begin as x; mask[q, k] says what is seen."""
    n = len(x)
    for i in range(LAYERS):
        p = "model.layers.%d." % i
        get = lambda name: w[p + name + ".weight"].astype(np.float64)
        h = rms(x, get("input_layernorm"))
        heads = lambda name, count: (h @ get("self_attn." + name).T).reshape(n, count, DIM).transpose(1, 0, 2)
        q, k, v = rotate(heads("q_proj", HEADS), pos), rotate(heads("k_proj", KV), pos), heads("v_proj", KV)
        k, v = np.repeat(k, HEADS // KV, 0), np.repeat(v, HEADS // KV, 0)
        logits = np.where(mask, q @ k.transpose(0, 2, 1) / math.sqrt(DIM), -np.inf)
        e = np.exp(logits - logits.max(-1, keepdims=True))
        out = (e / e.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, HEADS * DIM)
        x = x + out @ get("self_attn.o_proj").T
        h = rms(x, get("post_attention_layernorm"))
        gate = h @ get("mlp.gate_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ get("mlp.up_proj").T)) @ get("mlp.down_proj").T
    return rms(x, w["model.norm.weight"].astype(np.float64))


def gist(w, ids, vector, r, sinks, window):
    embed = w["model.embed_tokens.weight"].astype(np.float64)
    rows = []  # (what it begins as, position, unit, is it a token); unit -1: a sink
    for t, token in enumerate(ids):
        unit = -1 if t < sinks else (t - sinks) // r
        if unit > 0 and (t - sinks) % r == 0:
            rows.append((vector[0], t, unit - 1, False))
        rows.append((embed[token], t, unit, True))
    mask = np.zeros((len(rows), len(rows)), bool)
    for i, (_, _, query, _) in enumerate(rows):
        for j, (_, _, unit, token) in enumerate(rows[:i + 1]):
            mask[i, j] = unit < 0 or not token or unit >= query - window // r
    x = states(w, np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.float64), mask)
    return x[[row[3] for row in rows]] @ w["lm_head.weight"].T.astype(np.float64)


def rmt(w, ids, memory, segment):
    embed = w["model.embed_tokens.weight"].astype(np.float64)
    out, m = [], len(memory)
    for start in range(0, len(ids), segment):
        tokens = ids[start:start + segment]
        behind = [memory] if start + segment < len(ids) and m else []
        x = np.concatenate([memory, embed[tokens]] + behind)
        x = states(w, x, np.arange(len(x), dtype=np.float64), np.tri(len(x), dtype=bool))
        out.append(x[m:m + len(tokens)] @ w["lm_head.weight"].T.astype(np.float64))
        if behind:
            memory = x[-m:]
    return np.concatenate(out)


def save(path, tensors):
    head, blob = {}, b""
    for name in sorted(tensors):
        data = np.ascontiguousarray(tensors[name], np.float32).tobytes()
        head[name] = dict(dtype="F32", shape=list(tensors[name].shape), data_offsets=[len(blob), len(blob) + len(data)])
        blob += data
    head = json.dumps(head, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head + blob)


def make(name, seed, fold, vectors, run):
    rng = np.random.default_rng(seed)
    w = weights(rng)
    ids = rng.integers(0, VOCAB, TOKENS).tolist()
    memory = rng.standard_normal((vectors, WIDTH)).astype(np.float32)
    out = os.path.join(HERE, name)
    os.makedirs(out, exist_ok=True)
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FF,
                  num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=KV, head_dim=DIM, hidden_act="silu",
                  max_position_embeddings=256, rms_norm_eps=EPS, rope_theta=BASE, rope_scaling=None, tie_word_embeddings=False,
                  torch_dtype="float32", bos_token_id=1, eos_token_id=2, fold=fold)
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(os.path.join(out, "ids.json"), "w") as f:
        json.dump(ids, f)
    logits = run(w, ids, memory.astype(np.float64))
    save(os.path.join(out, "model.safetensors"), dict(w, **{"fold_embd.weight": memory} if vectors else {}))
    np.save(os.path.join(out, "logits.npy"), logits.astype(np.float32))
    print(name, logits.shape, logits.std())


make("gist", 1, "gist(r=4,sinks=10,window=24,chunk=20)", 1, lambda w, ids, v: gist(w, ids, v, 4, 10, 24))
make("gist-plain", 2, "gist(r=3,sinks=0,window=0,chunk=1)", 1, lambda w, ids, v: gist(w, ids, v, 3, 0, 0))
make("rmt", 3, "rmt(segment=48,memory=4)", 4, lambda w, ids, v: rmt(w, ids, v, 48))
make("rmt-none", 4, "rmt(segment=33,memory=0)", 0, lambda w, ids, v: rmt(w, ids, v, 33))
