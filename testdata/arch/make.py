#!/usr/bin/env python3
"""Makes the architecture fixtures: tiny models with random weights, and what Hugging Face transformers makes of them.

    python3 -m pip install torch==2.15.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
    python3 testdata/arch/make.py [NAME ...]      # rewrites the fixtures, or those named

Every directory holds config.json and model.safetensors as a model hub has them, ids.json (the input) and logits.npy (float32,
[tokens, vocabulary]: one forward pass over the input, eager attention, float32). The configurations are written as
the hub's files are, not as transformers 5 would save them; qwen3 and gemma3-v5 are in the newer form. Weights are rounded
to the type they are stored in before they are used. Norms and biases are random as well, so that none can be left out.

Plain MiniCPM is not in transformers. Its arithmetic is Granite's under other names (embedding, residual and logit
multipliers over a Llama), so Granite's class computes it, with the multipliers of MiniCPM's own code written out.
"""
import json, math, os, shutil, sys, tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.utils.logging.disable_progress_bar()
HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB, TOKENS, WIDTH, FF = 96, 40, 32, 48

BASE = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FF, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, hidden_act="silu", max_position_embeddings=128, initializer_range=0.02,
            rms_norm_eps=1e-5, tie_word_embeddings=False, use_cache=True, bos_token_id=1, eos_token_id=2, rope_theta=10000.0)


def without(d, *keys):
    return {k: v for k, v in d.items() if k not in keys}


GEMMA = dict(without(BASE, "hidden_act", "num_hidden_layers", "rms_norm_eps"), head_dim=16, rms_norm_eps=1e-6,
             hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, bos_token_id=2,
             sliding_window=8, query_pre_attn_scalar=16)
# The global layers' factors of the larger Gemma 3 models, on a longer trained context than the fixtures' texts.
GEMMA3 = dict(GEMMA, num_hidden_layers=7, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, head_dim=24,
              query_pre_attn_scalar=24, rope_theta=1000000.0, rope_local_base_freq=10000.0, sliding_window_pattern=6,
              rope_scaling=dict(rope_type="linear", factor=8.0), attn_logit_softcapping=None, final_logit_softcapping=None)
MOE = dict(without(BASE, "intermediate_size"), intermediate_size=64, head_dim=16, num_experts=6, num_experts_per_tok=2,
           moe_intermediate_size=16, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[], attention_bias=False,
           use_sliding_window=False, sliding_window=None, num_hidden_layers=2)
MINICPM = dict(BASE, scale_emb=12, scale_depth=1.4, dim_model_base=8, num_hidden_layers=4, tie_word_embeddings=True)
PHI3 = dict(BASE, sliding_window=8, original_max_position_embeddings=128, pad_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0)
PHI3LONG = dict(PHI3, sliding_window=262144, original_max_position_embeddings=24, max_position_embeddings=96,
                hidden_size=64, num_hidden_layers=2, intermediate_size=64, partial_rotary_factor=0.75, rope_scaling=dict(
                    type="longrope", short_factor=[1.0, 1.05, 1.1, 1.2, 1.3, 1.5], long_factor=[1.1, 1.3, 2.0, 3.0, 5.0, 8.0]))

# name: (model_type, class, configuration, storage, options)
MODELS = {
    "llama": ("llama", "LlamaForCausalLM", dict(BASE, rope_scaling=None, pretraining_tp=1), "F32", {}),
    "llama3": ("llama", "LlamaForCausalLM", dict(BASE, head_dim=16, tie_word_embeddings=True, eos_token_id=[2, 3],
        rope_scaling=dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32,
                          rope_type="llama3")), "BF16", {}),
    "llama-bias": ("llama", "LlamaForCausalLM", dict(BASE, attention_bias=True, mlp_bias=True, num_hidden_layers=2), "BF16", {}),
    "mistral": ("mistral", "MistralForCausalLM", dict(BASE, sliding_window=8), "BF16", dict(shards=2)),
    "minicpm": ("minicpm", "GraniteForCausalLM", MINICPM, "F16", dict(compute=dict(
        without(MINICPM, "scale_emb", "scale_depth", "dim_model_base"), embedding_multiplier=12,
        residual_multiplier=1.4 / math.sqrt(4), attention_multiplier=1 / math.sqrt(WIDTH / 4), logits_scaling=WIDTH / 8))),
    "smollm3": ("smollm3", "SmolLM3ForCausalLM", dict(BASE, num_hidden_layers=4, no_rope_layers=[1, 1, 1, 0],
        no_rope_layer_interval=4, tie_word_embeddings=True, rope_theta=5000000.0, use_sliding_window=False, sliding_window=None,
        layer_types=["full_attention"] * 4, attention_bias=False, mlp_bias=False, pad_token_id=0), "BF16", {}),
    "qwen2": ("qwen2", "Qwen2ForCausalLM", dict(BASE, tie_word_embeddings=True, rope_theta=1000000.0, rms_norm_eps=1e-6,
        use_sliding_window=False, sliding_window=8, max_window_layers=1), "BF16", {}),
    "qwen2-yarn": ("qwen2", "Qwen2ForCausalLM", dict(BASE, rms_norm_eps=1e-6, num_hidden_layers=2, use_sliding_window=False,
        rope_scaling=dict(factor=4.0, original_max_position_embeddings=32, type="yarn")), "BF16", {}),
    "qwen3": ("qwen3", "Qwen3ForCausalLM", dict(BASE, head_dim=16, tie_word_embeddings=True, rope_theta=1000000.0,
        rms_norm_eps=1e-6, attention_bias=False, use_sliding_window=False, sliding_window=None), "BF16", dict(newer=True)),
    "qwen3moe": ("qwen3_moe", "Qwen3MoeForCausalLM", MOE, "BF16", {}),
    "qwen3moe-raw": ("qwen3_moe", "Qwen3MoeForCausalLM", dict(MOE, norm_topk_prob=False, num_experts_per_tok=3), "BF16", {}),
    "gemma2": ("gemma2", "Gemma2ForCausalLM", dict(GEMMA, num_hidden_layers=4, attn_logit_softcapping=5.0,
        final_logit_softcapping=8.0, attention_bias=False), "BF16", {}),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM", GEMMA3, "BF16", {}),
    "gemma3-v5": ("gemma3_text", "Gemma3ForCausalLM", dict(without(GEMMA3, "rope_scaling"), num_hidden_layers=4,
        sliding_window_pattern=3), "BF16", dict(newer=True)),
    "phi3": ("phi3", "Phi3ForCausalLM", dict(PHI3, rope_scaling=None), "BF16", {}),
    "phi3-long": ("phi3", "Phi3ForCausalLM", PHI3LONG, "BF16", dict(short=24)),
    "granite": ("granite", "GraniteForCausalLM", dict(BASE, tie_word_embeddings=True, embedding_multiplier=12.0,
        residual_multiplier=0.22, attention_multiplier=0.3, logits_scaling=4.0, attention_bias=False, mlp_bias=False), "BF16", {}),
    "olmo2": ("olmo2", "Olmo2ForCausalLM", dict(BASE, rope_theta=500000.0, rms_norm_eps=1e-6, attention_bias=False,
        rope_scaling=None), "BF16", {}),
}
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def randomise(model, dtype, seed):
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        r = torch.randn(p.shape, generator=g)
        if p.dim() == 1:
            zero_based = "gemma" in type(model).__name__.lower()  # its norms add 1
            p.data = r * 0.3 if name.endswith("bias") or zero_based else 1 + r * 0.3
        elif "embed_tokens" in name:
            p.data = r * 0.7
        else:
            p.data = r * 1.4 / math.sqrt(p.shape[-1])
        p.data = p.data.to(dtype).to(torch.float32)


def make(name, seed):
    kind, cls, config, storage, opt = MODELS[name]
    config = dict(config, architectures=[cls], model_type=kind, torch_dtype=str(DTYPES[storage])[6:])
    if kind == "minicpm":
        config["architectures"] = ["MiniCPMForCausalLM"]
    compute = opt.get("compute", without(config, "model_type", "architectures", "torch_dtype"))
    model_class = getattr(transformers, cls)
    # Copied through JSON, since the classes edit the dictionaries they are given.
    cfg = model_class.config_class(**json.loads(json.dumps(compute)))
    cfg._attn_implementation = "eager"
    model = model_class(cfg).eval()
    randomise(model, DTYPES[storage], seed)
    ids = np.random.default_rng(seed).integers(4, VOCAB, TOKENS).tolist()

    def logits(n):
        with torch.no_grad():
            out = model(torch.tensor([ids[:n]]), use_cache=False).logits[0].numpy()
        assert out.dtype == np.float32 and out.shape == (n, VOCAB), (out.dtype, out.shape)
        assert 0.3 < out.std() < 30, (name, out.std())
        return out

    to = os.path.join(HERE, name)
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    np.save(os.path.join(to, "logits.npy"), logits(TOKENS))
    if "short" in opt:  # the first tokens alone, for scalings that depend on the text's length
        np.save(os.path.join(to, "short.npy"), logits(opt["short"]))
    json.dump(ids, open(os.path.join(to, "ids.json"), "w"))
    if opt.get("newer"):
        config = dict(without(cfg.to_dict(), "_attn_implementation", "transformers_version"), architectures=[cls], dtype=config["torch_dtype"])
    with open(os.path.join(to, "config.json"), "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
        f.write("\n")
    with tempfile.TemporaryDirectory() as tmp:  # save_pretrained gives the tensors their names on the hub
        model.to(DTYPES[storage]).save_pretrained(tmp)
        tensors = load_file(os.path.join(tmp, "model.safetensors"))
    n = opt.get("shards", 1)
    if n == 1:
        save_file(tensors, os.path.join(to, "model.safetensors"), {"format": "pt"})
    else:
        names, index = sorted(tensors), {}
        for i in range(n):
            file = f"model-{i + 1:05}-of-{n:05}.safetensors"
            part = names[i::n]
            index.update({k: file for k in part})
            save_file({k: tensors[k] for k in part}, os.path.join(to, file), {"format": "pt"})
        json.dump({"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": index},
                  open(os.path.join(to, "model.safetensors.index.json"), "w"), indent=1)
    for f in os.listdir(to):
        os.chmod(os.path.join(to, f), 0o644)
    size = sum(os.path.getsize(os.path.join(to, f)) for f in os.listdir(to))
    assert size < 150 << 10, (name, size)
    print(f"{name:14} {size:7} bytes, {sum(t.numel() for t in tensors.values())} weights, {len(tensors)} tensors")


for i, name in enumerate(MODELS):
    if len(sys.argv) == 1 or name in sys.argv[1:]:
        make(name, 1000 + i)
