"""Writes llama.json: what llama.cpp's samplers keep of given logits, alone and in its default order.

    pip install llama-cpp-python==0.3.36 numpy
    python sample/testdata/llama.py

TestLlama compares. A case is the parameters in their JSON form, the logits by name, the past, and the candidates that are left with
their probabilities. Cases of mirostat go on for some tokens: those that llama.cpp drew.
"""
import ctypes, json, os, random

import llama_cpp as ll
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB = 64
INF = float("inf")


def logits():
    rng = np.random.default_rng(1)
    peaked = rng.normal(-4, 2.5, VOCAB)
    peaked[rng.permutation(VOCAB)[:20]] = 9 - 2.2 * np.log(np.arange(1, 21))
    banned = rng.normal(0, 2, VOCAB)
    banned[rng.permutation(VOCAB)[:20]] = -INF
    sets = {"peaked": peaked, "flat": rng.normal(0, 1, VOCAB), "banned": banned}
    return {k: v.astype(np.float32) for k, v in sets.items()}


def past(n):
    rng = random.Random(n)
    ids = []
    while len(ids) < n:
        if len(ids) > 6 and rng.random() < 0.7:
            at = rng.randrange(len(ids) - 3)
            ids += ids[at:at + rng.randrange(2, 12)]
        else:
            ids.append(rng.randrange(12))
    return ids[:n]


class Array:
    def __init__(self, x):
        self.data = (ll.llama_token_data * len(x))(*[ll.llama_token_data(i, float(l), 0) for i, l in enumerate(x)])
        self.a = ll.llama_token_data_array(self.data, len(x), -1, False)

    def apply(self, s):
        ll.llama_sampler_apply(s, ctypes.byref(self.a))

    def kept(self):
        # XTC moves the pointer to the data.
        d = ctypes.cast(self.a.data, ctypes.POINTER(ll.llama_token_data))
        d = {d[i].id: d[i].logit for i in range(self.a.size) if d[i].logit > -INF}
        top = max(d.values())
        e = {i: np.exp(np.float64(l) - top) for i, l in d.items()}
        total = sum(e.values())
        return [[i, float(f"{e[i] / total:.8g}")] for i in sorted(e)]


def steps(p, vocab):
    """The samplers of common/sampling.cpp in their default order, those without parameters left out."""
    get = p.get
    out = []
    if "logit_bias" in p:
        b = (ll.llama_logit_bias * len(p["logit_bias"]))(*[ll.llama_logit_bias(int(k), v) for k, v in p["logit_bias"].items()])
        out.append(ll.llama_sampler_init_logit_bias(VOCAB, len(b), b))
    if any(k in p for k in ("repeat_penalty", "frequency_penalty", "presence_penalty")):
        n = get("penalty_window", 64)
        out.append(ll.llama_sampler_init_penalties(VOCAB, n if n > 0 else 1000, get("repeat_penalty", 1.0), get("frequency_penalty", 0.0),
                                                   get("presence_penalty", 0.0)))
    if "dry_multiplier" in p:
        out.append(ll.llama_sampler_init_dry(vocab, p["dry_multiplier"], get("dry_base", 1.75), get("dry_length", 2), get("dry_window", 1000), None, 0))
    if "top_n_sigma" in p:
        out.append(ll.llama_sampler_init_top_n_sigma(p["top_n_sigma"]))
    if "top_k" in p:
        out.append(ll.llama_sampler_init_top_k(p["top_k"]))
    if "typical" in p:
        out.append(ll.llama_sampler_init_typical(p["typical"], 0))
    if "top_p" in p:
        out.append(ll.llama_sampler_init_top_p(p["top_p"], 0))
    if "min_p" in p:
        out.append(ll.llama_sampler_init_min_p(p["min_p"], 0))
    if "xtc_probability" in p:
        out.append(ll.llama_sampler_init_xtc(p["xtc_probability"], get("xtc_threshold", 0.1), 0, 1))
    if p["temperature"] != 1 or "dynatemp_range" in p:
        out.append(ll.llama_sampler_init_temp_ext(p["temperature"], get("dynatemp_range", 0.0), get("dynatemp_power", 1.0)))
    if "mirostat_tau" in p:
        out.append(ll.llama_sampler_init_mirostat_v2(1, p["mirostat_tau"], get("mirostat_eta", 0.1)))
    return out


def main():
    ll.llama_backend_init()
    mp = ll.llama_model_default_params()
    mp.vocab_only = True
    model = ll.llama_model_load_from_file(os.path.join(HERE, "../../testdata/tokenizer/spm.gguf").encode(), mp)
    vocab = ll.llama_model_get_vocab(model)
    params = [{"top_k": k} for k in (1, 5, 40)]
    params += [{"top_p": p} for p in (0.1, 0.5, 0.9, 0.95)] + [{"min_p": p} for p in (0.01, 0.1, 0.5)]
    params += [{"typical": p} for p in (0.2, 0.5, 0.95)] + [{"top_n_sigma": n} for n in (0.5, 1.0, 2.0)]
    params += [{"xtc_probability": 1.0, "xtc_threshold": t} for t in (0.02, 0.1, 0.4)]
    params += [{"temperature": t} for t in (0.3, 1.7)] + [{"temperature": 0.9, "dynatemp_range": 0.6, "dynatemp_power": 1.5}]
    params += [{"logit_bias": {"3": 2.5, "10": -4.0, "11": -100.0}}]
    params += [{"repeat_penalty": 1.3}, {"repeat_penalty": 1.1, "frequency_penalty": 0.2, "presence_penalty": 0.7, "penalty_window": 9},
               {"frequency_penalty": 0.5, "penalty_window": -1}]
    params += [{"dry_multiplier": 0.8}, {"dry_multiplier": 1.5, "dry_base": 1.2, "dry_length": 4}, {"dry_multiplier": 0.8, "dry_window": 25, "dry_length": 1}]
    params += [{"mirostat_tau": 2.0}, {"mirostat_tau": 4.0, "mirostat_eta": 0.5}]
    params += [{"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}]
    # All of them; but top_n_sigma sets logits to -inf, of which typical makes NaN there.
    rest = {"temperature": 1.4, "dynatemp_range": 0.3, "logit_bias": {"3": 2.5}, "repeat_penalty": 1.1, "dry_multiplier": 0.4, "top_k": 50, "top_p": 0.96,
            "min_p": 0.01, "xtc_probability": 1.0, "xtc_threshold": 0.12}
    params += [rest | {"top_n_sigma": 3.0}, rest | {"typical": 0.97}]
    sets, cases = logits(), []
    for p in params:
        p.setdefault("temperature", 1.0)
        for name, x in sets.items():
            if name == "banned" and ("typical" in p or "dynatemp_range" in p):
                continue  # its entropy is NaN, or counts the banned ones: deviations that the package documents
            ids = past(120) if any(k.startswith(("repeat", "freq", "pres", "dry")) for k in p) else []
            chain = steps(p, vocab)
            for s in chain:
                for t in ids:
                    ll.llama_sampler_accept(s, t)
            c = {"params": p, "logits": name, "past": ids, "kept": [], "drawn": []}
            for _ in range(6 if "mirostat_tau" in p else 1):
                a = Array(x)
                for s in chain:
                    a.apply(s)
                c["kept"].append(a.kept())
                if "mirostat_tau" in p:
                    c["drawn"].append(a.a.data[a.a.selected].id)
            cases.append(c)
    out = {"logits": {k: [None if l == -INF else float(f"{l:.9g}") for l in v] for k, v in sets.items()}, "cases": cases}
    with open(os.path.join(HERE, "llama.json"), "w") as f:
        f.write('{"logits": ' + json.dumps(out["logits"]) + ',\n"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")


main()
