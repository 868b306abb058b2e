#!/usr/bin/env python3
"""Makes bias.json: slopes, buckets and learned biases as Hugging Face transformers and the FIRE paper compute them.

    python3 -m pip install torch==2.15.0 transformers==5.24.0
    python3 attention/testdata/bias.py > attention/testdata/bias.json

alibi: the slopes of so many heads, of BLOOM's and MPT's code. t5: for each bucket that is used the first distance in it. fire: a
random network, and the biases [heads] at pairs of positions, from the paper's equations (arXiv 2310.04418, section 3) in torch.
"""
import json

import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention


class FIRE(torch.nn.Module):
    def __init__(self, heads, width=32, c=0.1, threshold=512.0, multiplier=1.0):
        super().__init__()
        self.mlp = torch.nn.Sequential(torch.nn.Linear(1, width), torch.nn.ReLU(), torch.nn.Linear(width, heads))
        self.c, self.limit = c, abs(threshold * multiplier)

    def forward(self, q, k):
        scale = lambda x: torch.log(torch.abs(self.c * x) + 1)
        return self.mlp((scale(q - k) / (scale(torch.clamp(q, min=self.limit)) + 1e-6))[..., None])


def alibi():
    for heads in (1, 2, 3, 4, 6, 8, 12, 14, 16, 25, 40, 112):
        # Of keys 0 and 1, the second's bias is the slope.
        bloom = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1].tolist()
        for most in (8, 16):
            # Keys 0 and 1 at distances 1 and 0 from the last.
            mpt = (-build_mpt_alibi_tensor(heads, 2, most)[:, 0, 0]).tolist()
            if most == 8:
                assert torch.allclose(torch.tensor(mpt), torch.tensor(bloom)), heads
            yield {"heads": heads, "max": most, "slopes": mpt}


def t5():
    for buckets, most in ((32, 128), (32, 256), (32, 1000), (16, 64), (6, 20), (64, 128), (2, 5)):
        d = torch.arange(0, 2000)
        b = T5Attention._relative_position_bucket(-d, bidirectional=False, num_buckets=buckets, max_distance=most)
        first = {}
        for distance, bucket in zip(d.tolist(), b.tolist()):
            first.setdefault(bucket, distance)
        yield {"buckets": buckets, "max": most, "first": list(first.items())}


def fire():
    torch.manual_seed(1)
    for heads, c, threshold, multiplier in ((3, 0.1, 512.0, 1.0), (4, 2.5, 64.0, -0.7)):
        net = FIRE(heads, c=c, threshold=threshold, multiplier=multiplier)
        first, last = net.mlp[0], net.mlp[2]
        pairs = [(q, k) for q in (0, 1, 5, 44, 45, 300, 512, 513, 4000, 100000) for k in (0, 1, 5, 40, 299, 511, 3990, 99999) if k <= q]
        at = torch.tensor(pairs, dtype=torch.float64)
        with torch.no_grad():
            biases = net.double()(at[:, 0], at[:, 1]).tolist()
        yield {"c": c, "from": abs(threshold * multiplier), "in": first.weight[:, 0].tolist(), "in_bias": first.bias.tolist(),
               "out": last.weight.flatten().tolist(), "out_bias": last.bias.tolist(), "pairs": pairs, "biases": biases}


def short(x):
    if isinstance(x, float):
        return float("%.9g" % x)
    if isinstance(x, (list, tuple)):
        return [short(v) for v in x]
    return {k: short(v) for k, v in x.items()} if isinstance(x, dict) else x


parts = [json.dumps("command") + ": " + json.dumps("python3 attention/testdata/bias.py")]
for part in (alibi, t5, fire):
    parts.append(json.dumps(part.__name__) + ": [\n" + ",\n".join(json.dumps(short(c)) for c in part()) + "\n]")
print("{" + ",\n".join(parts) + "}")
