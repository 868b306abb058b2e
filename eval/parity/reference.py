#!/usr/bin/env python3
"""Makes reference.<model>.json: what llama.cpp computes on the real models, for godwit to be compared with.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy
    python3 eval/parity/reference.py --model smollm2 PATH.gguf --work DIR
    python3 eval/parity/reference.py --model gemma3  PATH.gguf --work DIR

For each model: the weights are dequantised to float32 by gguf-py into DIR; llama.cpp runs them with a float32 cache and
without flash attention (the exact run), and the quantised file as it comes, with its default float16 cache (the fast
run). Recorded are
- greedy: five prompts, 128 greedy tokens each of the exact run, with the top 20 log-probabilities of every step;
- kl: mean KL divergence of the fast run from the exact run over 8,000 tokens of the book, in windows of 2,000;
- ppl: perplexity of the fast run on the first 100 KB of the book, at three context lengths (llama.cpp's protocol:
  windows that do not overlap, each started with BOS where the model has one, second half scored);
- exact_ppl: the same for the exact run at 512.
"""
import argparse, ctypes, json, os, pathlib, time
import numpy as np
import llama_cpp as lc

HERE = pathlib.Path(__file__).parent
BOOK = HERE / "../../testdata/books/opticks.txt"
PROMPTS = [
    "The capital of France is",
    "Light is refracted when it passes from air into glass because",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "Once upon a time, in a village by the sea, there lived an old fisherman who",
    "Question: If a train travels 60 miles in 90 minutes, what is its average speed?\nAnswer:",
]


def dequantise(src, dst):
    """Writes src with every tensor as float32. Metadata is copied as it is."""
    import gguf
    r = gguf.GGUFReader(src)
    w = gguf.GGUFWriter(dst, r.get_field("general.architecture").contents())
    for f in r.fields.values():
        if f.name.startswith("GGUF.") or f.name in ("general.architecture", "general.file_type"):
            continue
        t = f.types[0]
        w.add_key_value(f.name, f.contents(), t, f.types[-1] if t == gguf.GGUFValueType.ARRAY else None)
    for t in r.tensors:
        w.add_tensor(t.name, gguf.dequantize(t.data, t.tensor_type).astype(np.float32))
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


class Run:
    def __init__(self, path, ctx, exact):
        mp = lc.llama_model_default_params()
        self.model = lc.llama_model_load_from_file(str(path).encode(), mp)
        cp = lc.llama_context_default_params()
        cp.n_ctx, cp.n_batch, cp.n_ubatch = ctx, 512, 512
        cp.n_threads = cp.n_threads_batch = os.cpu_count()
        if exact:
            cp.type_k = cp.type_v = 0  # GGML_TYPE_F32
            cp.flash_attn_type = 0     # LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.ctx = lc.llama_init_from_model(self.model, cp)
        self.vocab = lc.llama_model_get_vocab(self.model)
        self.n_vocab = lc.llama_vocab_n_tokens(self.vocab)
        self.batch = lc.llama_batch_init(512, 0, 1)

    def clear(self):
        lc.llama_memory_clear(lc.llama_get_memory(self.ctx), True)
        self.n = 0

    def feed(self, toks, want=None):
        """Feeds tokens, yields (index, float32 logits) for those that want(i) selects."""
        for s in range(0, len(toks), 512):
            part = toks[s:s + 512]
            b = self.batch
            b.n_tokens = len(part)
            for i, t in enumerate(part):
                b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0] = t, self.n + i, 1, 0
                b.logits[i] = 1 if want is None or want(s + i) else 0
            if lc.llama_decode(self.ctx, b) != 0:
                raise RuntimeError("llama_decode")
            self.n += len(part)
            for i in range(len(part)):
                if b.logits[i]:
                    yield s + i, np.ctypeslib.as_array(lc.llama_get_logits_ith(self.ctx, i), (self.n_vocab,))

    def tokens(self, text, special=True):
        raw = text.encode()
        buf = (lc.llama_token * (len(raw) + 16))()
        n = lc.llama_tokenize(self.vocab, raw, len(raw), buf, len(buf), True, special)
        return list(buf[:n])


def logp(x):
    x = x.astype(np.float64)
    m = x.max()
    return x - (m + np.log(np.exp(x - m).sum()))


def perplexity(run, toks, ctx):
    bos = lc.llama_vocab_bos(run.vocab) if lc.llama_vocab_get_add_bos(run.vocab) else None
    nll = cnt = 0
    for w in range(len(toks) // ctx):
        part = list(toks[w * ctx:(w + 1) * ctx])
        if bos is not None:
            part[0] = bos
        run.clear()
        for i, l in run.feed(part, lambda i: ctx // 2 <= i < ctx - 1):
            nll -= logp(l)[part[i + 1]]
            cnt += 1
    return {"ctx": ctx, "ppl": float(np.exp(nll / cnt)), "nll": nll / cnt, "tokens": cnt}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("gguf")
    ap.add_argument("--model", required=True)
    ap.add_argument("--work", required=True)
    a = ap.parse_args()
    silent = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(silent, ctypes.c_void_p(0))
    f32 = pathlib.Path(a.work) / (a.model + ".f32.gguf")
    if not f32.exists():
        dequantise(a.gguf, f32)
    out = {"made_by": "eval/parity/reference.py, llama-cpp-python " + lc.__version__, "model": a.model}
    dst = HERE / f"reference.{a.model}.json"
    save = lambda: dst.write_text(json.dumps(out, indent=None, separators=(",", ":")).replace('},{', '},\n{') + "\n")

    exact = Run(f32, 2048, True)
    out["greedy"] = []
    for p in PROMPTS:
        ids = exact.tokens(p)
        exact.clear()
        g = {"prompt": p, "prompt_ids": ids, "token_ids": [], "top": []}
        nxt = ids
        for _ in range(128):
            (_, l), = exact.feed(nxt, lambda i, n=len(nxt): i == n - 1)
            lp = logp(l)
            top = np.argsort(-lp)[:20]
            g["token_ids"].append(int(top[0]))
            g["top"].append([[int(t), round(float(lp[t]), 5)] for t in top])
            nxt = [int(top[0])]
        out["greedy"].append(g)
    save()
    print("greedy", flush=True)

    text = BOOK.read_bytes()[:100_000].decode("utf-8", "ignore")
    toks = exact.tokens(text, special=False)
    fast = Run(a.gguf, 2048, False)
    kl, n = 0.0, 0
    same = 0
    for w in range(4):
        part = toks[w * 2000:(w + 1) * 2000]
        exact.clear(); fast.clear()
        for (_, x), (_, y) in zip(exact.feed(part), fast.feed(part)):
            p, q = logp(x), logp(y)
            kl += float((np.exp(p) * (p - q)).sum())
            same += int(p.argmax() == q.argmax())
            n += 1
    out["kl"] = {"tokens": n, "mean_kl": kl / n, "same_top": same / n}
    save()
    print(out["kl"], flush=True)
    out["exact_ppl"] = [perplexity(exact, toks, 512)]
    out["text_tokens"] = len(toks)
    out["ppl"] = []
    for ctx in (512, 2048, 8192):
        fast = Run(a.gguf, ctx, False)
        t = time.time()
        out["ppl"].append(perplexity(fast, toks, ctx))
        print(out["ppl"][-1], round(time.time() - t, 1), "s", flush=True)
        save()


main()
