#!/usr/bin/env python3
"""Makes pia.json: position-infused attention as Shortformer (arXiv 2012.15832) has it, in float64 with numpy.

    python3 -m pip install numpy==2.4.6
    python3 runtime/layer/testdata/pia.py > runtime/layer/testdata/pia.json

One layer gets normalised rows x. Segment by segment, keys are those of the last rows before it (the cache) and its own; positions are counted from the
first of these and added to what queries and keys are projected from. Nothing that was projected is kept from one segment to the next. With
norms, each head's queries and keys are normalised (RMS) behind the projection.
"""
import json

import numpy as np

WIDTH, HEADS, KV, DIM, ROWS = 12, 4, 2, 6, 25
rng = np.random.default_rng(1)


def numbers(*shape):
    return np.round(rng.normal(size=shape) * 256) / 256  # which float32 has exactly


def sinusoids(n):
    half = WIDTH // 2
    angle = np.arange(n)[:, None] * np.exp(np.arange(half) * -(np.log(10000) / (half - 1)))
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def rms(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * weight


def layer(x, w, segment, cache, norms):
    out, cached = [], x[:0]
    for lo in range(0, len(x), segment):
        own = x[lo:lo + segment]
        y = np.concatenate([cached, own])
        p = sinusoids(len(y))
        q = ((own + p[len(cached):]) @ w["q"].T + w["qb"]).reshape(-1, HEADS, DIM)
        k = ((y + p) @ w["k"].T + w["kb"]).reshape(-1, KV, DIM)
        v = (y @ w["v"].T).reshape(-1, KV, DIM)
        if norms:
            q, k = rms(q, w["qnorm"]), rms(k, w["knorm"])
        for i in range(len(own)):
            seen, row = len(cached) + i + 1, []
            for h in range(HEADS):
                g = h * KV // HEADS
                logits = k[:seen, g] @ q[i, h] / np.sqrt(DIM)
                weight = np.exp(logits - logits.max())
                row.append(weight @ v[:seen, g] / weight.sum())
            out.append(w["out"] @ np.concatenate(row))
        cached = y[len(y) - min(cache, len(y)):]
    return np.array(out)


w = {"q": numbers(HEADS * DIM, WIDTH), "qb": numbers(HEADS * DIM), "k": numbers(KV * DIM, WIDTH), "kb": numbers(KV * DIM), "v": numbers(KV * DIM, WIDTH),
     "out": numbers(WIDTH, HEADS * DIM), "qnorm": numbers(DIM), "knorm": numbers(DIM)}
for name in ("q", "k", "v", "out"):
    w[name] /= 4
x = numbers(ROWS, WIDTH)
cases = [{"segment": s, "cache": c, "norms": norms, "y": layer(x, w, s, c, norms).round(7).ravel().tolist()}
         for norms in (False, True) for s, c in ((5, 0), (5, 5), (4, 6), (7, 3), (1, 6), (1, 0), (30, 30))]
print(json.dumps({"x": x.ravel().tolist(), **{n: v.ravel().tolist() for n, v in w.items()}, "cases": cases}, separators=(",", ":")))
