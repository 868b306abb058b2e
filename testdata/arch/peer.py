#!/usr/bin/env python3
"""Loads the converted architecture fixtures with llama.cpp and compares its logits with those of transformers.

    python3 -m pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy==2.4.6
    python3 testdata/arch/peer.py [NAME ...]

Each fixture gets a toy tokenizer, since llama.cpp opens no file without one, and is converted by `godwit convert --type F32`.
The names of tensors are compared with those of the gguf package as well. Prints a table; the last run's is in
docs/PARITY.md. Exits with 1 when a model that is not in EXPECTED fails.
"""
import ctypes, json, os, shutil, subprocess, sys, tempfile

import gguf
import llama_cpp
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
# What llama.cpp computes otherwise than transformers, and how: it is no fault of the file.
EXPECTED = {"mistral": "llama.cpp gives this architecture no sliding window", "qwen3moe-raw": "it always makes the experts' weights add up to 1"}
# It looks GELU up in a table of float16.
LIMIT = {"gemma2": 1e-2, "gemma3": 1e-2, "gemma3-v5": 1e-2}

log = llama_cpp.llama_log_callback(lambda level, text, data: lines.append(text.decode(errors="replace")))
lines = []
llama_cpp.llama_log_set(log, None)
llama_cpp.llama_backend_init()


def toy_tokenizer(path, vocab):
    """Byte-level BPE without merges."""
    alphabet = ["\u010a", "\u0120"] + [chr(c) for c in range(33, 127)]
    pieces = (alphabet + ["<%d>" % i for i in range(vocab)])[:vocab - 1] + ["<|endoftext|>"]  # phi3 is looked up for that one
    json.dump(dict(added_tokens=[], normalizer=None, pre_tokenizer=dict(type="ByteLevel", add_prefix_space=False),
                   post_processor=None, decoder=dict(type="ByteLevel"),
                   model=dict(type="BPE", vocab={p: i for i, p in enumerate(pieces)}, merges=[])),
              open(os.path.join(path, "tokenizer.json"), "w"))


def logits(path, ids):
    """llama.cpp's logits of every position, [tokens, vocabulary]: one batch, f32 cache."""
    lines.clear()
    mp = llama_cpp.llama_model_default_params()
    mp.n_gpu_layers = 0
    mp.use_mmap = False
    model = llama_cpp.llama_model_load_from_file(path.encode(), mp)
    if not model:
        raise ValueError("does not load: " + "".join(l for l in lines if "error" in l.lower()).strip()[-200:])
    cp = llama_cpp.llama_context_default_params()
    cp.n_ctx, cp.n_batch, cp.n_ubatch, cp.n_threads, cp.n_threads_batch = 256, 256, 256, 2, 2
    cp.type_k = cp.type_v = 0  # GGML_TYPE_F32
    cp.flash_attn_type = 0  # LLAMA_FLASH_ATTN_TYPE_DISABLED
    ctx = llama_cpp.llama_init_from_model(model, cp)
    if not ctx:
        raise ValueError("no context: " + "".join(lines)[-200:])
    n, vocab = len(ids), llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    batch = llama_cpp.llama_batch_init(n, 0, 1)
    batch.n_tokens = n
    for i, t in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = t, i, 1, 1
        batch.seq_id[i][0] = 0
    if llama_cpp.llama_decode(ctx, batch):
        raise ValueError("llama_decode failed")
    out = np.array([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(ctx, i), (vocab,)).copy() for i in range(n)])
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(ctx)
    llama_cpp.llama_model_free(model)
    return out


def unknown_names(path):
    """The tensors and keys of the file that the gguf package does not know for the file's architecture."""
    r = gguf.GGUFReader(path)
    arch = r.fields["general.architecture"].contents()
    kind = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch)
    blocks = r.fields[arch + ".block_count"].contents()
    known = {gguf.TENSOR_NAMES[t].format(bid=i) for t in gguf.MODEL_TENSORS[kind] for i in range(blocks)}
    bad = [t.name for t in r.tensors if t.name.rsplit(".", 1)[0] not in known]
    keys = set()
    for group in vars(gguf.Keys).values():
        if isinstance(group, type):
            keys |= {v.replace("{arch}", arch) for v in vars(group).values() if isinstance(v, str)}
    return bad + [k for k in r.fields if k not in keys and not k.startswith("GGUF.")]


def main():
    names = sys.argv[1:] or sorted(n for n in os.listdir(HERE) if os.path.exists(os.path.join(HERE, n, "config.json")))
    failed = False
    with tempfile.TemporaryDirectory() as tmp:
        godwit = os.path.join(tmp, "godwit")
        subprocess.run(["go", "build", "-o", godwit, "./cmd/godwit"], cwd=ROOT, check=True)
        for name in names:
            src, dir, out = os.path.join(HERE, name), os.path.join(tmp, name), os.path.join(tmp, name + ".gguf")
            shutil.copytree(src, dir)
            want = np.load(os.path.join(src, "logits.npy"))
            toy_tokenizer(dir, want.shape[1])
            subprocess.run([godwit, "convert", dir, out, "--type", "F32"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            note = ", ".join("unknown: " + n for n in unknown_names(out))
            try:
                have = logits(out, json.load(open(os.path.join(src, "ids.json")))[:len(want)])
                diff = np.abs(have - want).max(axis=1)
                text = f"largest difference {diff.max():.2e}"
                limit = LIMIT.get(name, 1e-4)
                ok = diff.max() < limit
                if not ok:
                    text += f", first position beyond {limit}: {int(np.argmax(diff >= limit))} of {len(diff)}"
            except ValueError as e:
                text, ok = str(e), False
            if not ok and name in EXPECTED:
                text += f" (expected: {EXPECTED[name]})"
            elif not ok or note:
                failed = True
            print(f"{name:14} {'ok' if ok else 'NOT':4} {text} {note}", flush=True)
    sys.exit(failed)


main()
