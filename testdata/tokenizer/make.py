#!/usr/bin/env python3
"""Makes the tokenizer fixtures: small vocabularies (*.gguf) and what independent programs make of test texts (*.jsonl).

    python3 -m pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf llama-cpp-python==0.3.36
    python3 testdata/tokenizer/make.py            # rewrites the fixtures
    python3 testdata/tokenizer/make.py --model smollm2=FILE.gguf --model gemma3=FILE.gguf  # models/*.jsonl, by llama.cpp
    python3 testdata/tokenizer/make.py --fuzz N --out DIR [--seed S]   # the same vocabularies, N random texts each
    python3 testdata/tokenizer/make.py --fuzz N --out DIR --model …    # a real vocabulary, N random texts, some no UTF-8
    go test ./tokenizer -run 'Golden|RealModels' -golden DIR           # compares with what --fuzz wrote

The vocabularies are trained on the Apache licence and on the words below; the references are Hugging Face tokenizers (with
the regular expressions of the families' own tokenizer.json files), Google's sentencepiece, and llama.cpp where neither of
the two has the algorithm.
"""
import argparse, base64, collections, json, os, random, re, sys, tempfile, unicodedata

import gguf
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from texts import CURATED, LATER, WORDS, random_text, wild_text

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def gpt4(digits, words=r"\p{L}", tail=r"[\r\n]*", punct=r"[^\s\p{L}\p{N}]"):
    return CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?" + words + r"+|" + digits + r"| ?" + punct + "+" + tail + TAIL


def cased(digits, suffix):
    return (rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+{suffix}|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*{suffix}|" + digits +
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL)


def split(*regexes):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r), "isolated") for r in regexes] + [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


# Cased letters of DeepSeek's first expression.
CASED = (r"A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377"
         r"\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556"
         r"\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A"
         r"\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4"
         r"\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC"
         r"\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F"
         r"\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B"
         r"\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A"
         r"\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2"
         r"\U000118A0-\U000118DF\U0001E900-\U0001E943").encode().decode("unicode_escape")
KANA_HAN = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
FAMILIES = {  # tokenizer.ggml.pre → pre-tokenizer, ignore_merges
    "gpt-2": (BYTE_LEVEL, False),
    "smollm": (pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BYTE_LEVEL]), False),
    "llama-bpe": (split(gpt4(r"\p{N}{1,3}")), True),
    "dbrx": (split(gpt4(r"\p{N}{1,3}")), False),
    "qwen2": (split(gpt4(r"\p{N}")), False),
    "qwen35": (split(gpt4(r"\p{N}", words=r"[\p{L}\p{M}]", punct=r"[^\s\p{L}\p{M}\p{N}]")), False),
    "seed-coder": (split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+" + TAIL), False),
    "gpt-4o": (split(cased(r"\p{N}{1,3}", CONTRACTIONS + "?")), False),
    "tekken": (split(cased(r"\p{N}", "")), True),
    "minicpm5": (split(r"\p{N}{1,3}", gpt4(r"\p{N}+")), True),
    "bloom": (split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), False),
    "laguna": (split(r"[^\n]+|[\n]+", gpt4(r"\p{N}")), False),
    "deepseek-llm": (split(r"[\r\n]", rf"\s?[{CASED}]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", ASIAN, r"\p{N}+"), False),
    "deepseek-coder": (split(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", ASIAN, r"\p{N}"), False),
    "deepseek-v3": (split(r"\p{N}{1,3}", KANA_HAN,
                          r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                          r"| ?[\p{P}\p{S}]+[\r\n]*" + TAIL), False),
    "youtu": (split("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + KANA_HAN, cased(r"\p{N}", CONTRACTIONS + "?")), True),
}
LLAMA_CPP_FAMILIES = ["falcon", "default", "viking"]
BOUNDARY = list("abXY12 .!'/\n\r\t(") + ["'s", "'LL", "  ", "é", "中", "\u0301", "½", "Σ", "\u00a0"]
SPECIAL = ["<|begin|>", "<|end|>", "<|im_end|>"]
ADDED = ["<tool>", "\n\n\n", "<to"]
WORDPIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def corpus():
    with open(os.path.join(HERE, "..", "..", "LICENSE"), encoding="utf-8") as f:
        text = f.read()
    lines = [l for l in text.split("\n") if l.strip()]
    rnd = random.Random(7)
    for _ in range(400):
        lines.append(" ".join(rnd.choice(WORDS) for _ in range(12)))
    return lines


# --- vocabularies ---------------------------------------------------------------------------------------------------

def write_gguf(path, model, tokens, types, scores=None, merges=None, extra=lambda w: None, pre=None):
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(512)
    w.add_tokenizer_model(model)
    if pre:
        w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types(types)
    if scores:
        w.add_token_scores(scores)
    if merges is not None:
        w.add_token_merges(merges)
    extra(w)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def train_bpe():
    tok = Tokenizer(models.BPE())
    # Without a split, so that merges cross every boundary that some family draws: each family's boundaries show in the ids.
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    rnd = random.Random(11)
    lines = corpus() + [random_text(rnd, [" "]) for _ in range(1500)]
    lines += ["".join(rnd.choice(BOUNDARY) for _ in range(40)) for _ in range(1500)]
    tok.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=2200, max_token_length=12, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    conf = json.loads(tok.to_str())
    # Tokens that no merges make: only families that look whole words up first find them.
    for word in ("unreached", "\u0120unreached"):
        conf["model"]["vocab"][word] = len(conf["model"]["vocab"])
    tok = Tokenizer.from_str(json.dumps(conf))
    tok.add_tokens([AddedToken(a, normalized=False) for a in ADDED])
    return json.loads(tok.to_str())


def bpe_gguf(path, conf, pre):
    vocab = dict(conf["model"]["vocab"])
    vocab.update({a["content"]: a["id"] for a in conf["added_tokens"]})
    tokens = [t for t, _ in sorted(vocab.items(), key=lambda kv: kv[1])]
    types = [CONTROL if t in SPECIAL else USER if t in ADDED else NORMAL for t in tokens]
    merges = [" ".join(m) if isinstance(m, list) else m for m in conf["model"]["merges"]]

    def extra(w):
        w.add_bos_token_id(vocab["<|begin|>"])
        w.add_eos_token_id(vocab["<|end|>"])
        w.add_add_bos_token(True)
        w.add_add_eos_token(False)
    write_gguf(path, "gpt2", tokens, types, merges=merges, extra=extra, pre=pre)


def bpe_hf(conf, pre):
    tok = Tokenizer.from_str(json.dumps(conf))
    tok.pre_tokenizer, whole = FAMILIES[pre]
    state = json.loads(tok.to_str())
    state["model"]["ignore_merges"] = whole
    return Tokenizer.from_str(json.dumps(state))


def train_sp(kind, path, **kw):
    args = dict(sentence_iterator=iter(corpus()), model_prefix=path, vocab_size=900, character_coverage=1.0,
                num_threads=1, minloglevel=2, shuffle_input_sentence=False, input_sentence_size=0,
                hard_vocab_limit=False, pad_id=-1)
    args.update(kw)
    spm.SentencePieceTrainer.train(model_type=kind, **args)
    return spm.SentencePieceProcessor(model_file=path + ".model")


def sp_tables(sp):
    tokens, scores, types = [], [], []
    for i in range(sp.vocab_size()):
        tokens.append(sp.id_to_piece(i))
        scores.append(sp.get_score(i))
        types.append(UNKNOWN if sp.is_unknown(i) else CONTROL if sp.is_control(i) else UNUSED if sp.is_unused(i)
                     else BYTE if sp.is_byte(i) else NORMAL)
    return tokens, scores, types


def fields(msg):
    """The length-delimited fields of a protocol buffer message, as (number, bytes)."""
    i = 0

    def varint():
        nonlocal i
        v = shift = 0
        while True:
            b = msg[i]
            i += 1
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v
    while i < len(msg):
        key = varint()
        kind = key & 7
        if kind == 0:
            varint()
        elif kind == 2:
            n = varint()
            yield key >> 3, msg[i:i + n]
            i += n
        else:
            i += 8 if kind == 1 else 4


def charsmap(sp):
    """ModelProto.normalizer_spec (3) . precompiled_charsmap (2)"""
    spec = next(v for k, v in fields(sp.serialized_model_proto()) if k == 3)
    return next(v for k, v in fields(spec) if k == 2)


def train_wordpiece():
    def bare(model):
        tok = Tokenizer(model)
        tok.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
        tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return tok
    # The trainer numbers letters within words by the order of a hash table, which differs from run to run, and breaks ties by
    # number: with the letters given as special tokens the order is ours.
    tok = bare(models.WordPiece(unk_token=WORDPIECES[1]))
    letters = {c for line in corpus() for word, _ in tok.pre_tokenizer.pre_tokenize_str(tok.normalizer.normalize_str(line)) for c in word[1:]}
    tok.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=900, special_tokens=WORDPIECES + ["##" + c for c in sorted(letters)], show_progress=False))
    tok = bare(models.WordPiece(tok.get_vocab(), unk_token=WORDPIECES[1], max_input_chars_per_word=100))
    tok.add_special_tokens(WORDPIECES)
    return tok


def wordpiece_gguf(path, tok):
    vocab = tok.get_vocab()
    names = [t for t, _ in sorted(vocab.items(), key=lambda kv: kv[1])]
    tokens, types = [], []
    for t in names:
        special = t in WORDPIECES
        types.append(UNKNOWN if t == "[UNK]" else CONTROL if special else NORMAL)
        tokens.append(t if special else t[2:] if t.startswith("##") else "\u2581" + t)

    def extra(w):
        for add, t in ((w.add_bos_token_id, "[CLS]"), (w.add_sep_token_id, "[SEP]"),
                       (w.add_unk_token_id, "[UNK]"), (w.add_pad_token_id, "[PAD]"), (w.add_mask_token_id, "[MASK]")):
            add(vocab[t])
    write_gguf(path, "bert", tokens, types, extra=extra)


def write_spm(path, sp, name=None):
    tokens, scores, types = sp_tables(sp)
    tokens += SPECIAL[1:] + ["<|endoftext|>"] + ADDED  # llama.cpp looks for <|endoftext|> in a phi3
    types += [CONTROL] * (len(tokens) - len(types) - len(ADDED)) + [USER] * len(ADDED)
    scores += [-1000.0] * (len(tokens) - len(scores))

    def extra(w):
        w.add_bos_token_id(1)
        w.add_eos_token_id(2)
        w.add_unk_token_id(0)
        if name:
            w.add_name(name)
    write_gguf(path, "llama", tokens, types, scores, extra=extra, pre="default")


def train_raw(path):
    """Byte-pair encoding over characters with marks for spaces, bytes for what has no token."""
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    tok.normalizer = normalizers.Replace(" ", "\u2581")
    tok.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|[\n]+"), "isolated")
    count = collections.Counter("".join(corpus()).replace(" ", "\u2581"))
    alphabet = sorted(count, key=lambda c: (-count[c], c))[:150]  # the trainer draws lots among equals
    tok.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=1100, max_token_length=12, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False,
        special_tokens=SPECIAL + ["<0x%02X>" % b for b in range(256)]))
    conf = json.loads(tok.to_str())
    conf["added_tokens"] = conf["added_tokens"][:len(SPECIAL)]
    tokens = [t for t, _ in sorted(conf["model"]["vocab"].items(), key=lambda kv: kv[1])]
    types = [CONTROL if t in SPECIAL else BYTE if t.startswith("<0x") and len(t) == 6 else NORMAL for t in tokens]
    write_gguf(path, "gemma4", tokens, types, merges=[" ".join(m) for m in conf["model"]["merges"]],
               extra=lambda w: (w.add_bos_token_id(0), w.add_eos_token_id(1)))
    return Tokenizer.from_str(json.dumps(conf))


# --- references -----------------------------------------------------------------------------------------------------

class LlamaCpp:
    """The vocabulary of a GGUF file in llama.cpp, without a model."""

    def __init__(self, path):
        import llama_cpp
        self.lib = llama_cpp
        llama_cpp.llama_backend_init()
        self.log = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.log, None)
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)

    def __call__(self, text, plain=False, bos=False):
        data = text if isinstance(text, bytes) else text.encode()
        room = 2 * len(data) + 16
        ids = (self.lib.llama_token * room)()
        n = self.lib.llama_tokenize(self.vocab, data, len(data), ids, room, bos, not plain)
        if n < 0:
            raise ValueError("llama_tokenize: %d" % n)
        return ids[:n]

    def added(self):
        """The texts of the control and added tokens, at most 300 of them: the others are like them."""
        all = range(self.lib.llama_vocab_n_tokens(self.vocab))
        special = self.lib.LLAMA_TOKEN_ATTR_CONTROL | self.lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        ids = [i for i in all if self.lib.llama_vocab_get_attr(self.vocab, i) & special]
        return [self.lib.llama_vocab_get_text(self.vocab, i).decode() for i in ids[::-(-len(ids) // 300)]]


def cases(name, ref, texts, out, **how):
    """Writes what ref makes of each text; how is passed to ref and kept with the case: plain=True, bos=True."""
    with open(os.path.join(out, name + ".jsonl"), "w") as f:
        for t in texts:
            f.write(json.dumps({"text": t, "ids": ref(t, **how), **how}, ensure_ascii=True, separators=(",", ":")) + "\n")


def written(text):
    """A text as a case holds it: as it is, or in base64 if it is no UTF-8."""
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            return {"bytes": base64.b64encode(text).decode()}
    return {"text": text}


def append(out, name, rows):
    with open(os.path.join(out, name + ".jsonl"), "a") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def ends(out, name, texts):
    """Cases with BOS and EOS by the file's rules, and with control tokens as letters, from llama.cpp."""
    ref = LlamaCpp(os.path.join(out, name + ".gguf"))
    append(out, name, [{"text": t, "ids": ref(t, plain=p, bos=True), "plain": p, "bos": True} for t in texts for p in (False, True)])


def known(tok):
    """A filter of texts all of whose characters are in tok's Unicode tables, which are older than ours."""
    seen = {}

    def ok(c):
        if c not in seen:
            kind = unicodedata.category(c)
            kept = bool(tok.normalizer.normalize_str(c))
            alone = len(tok.pre_tokenizer.pre_tokenize_str("a" + c + "b")) == 3
            seen[c] = kind[0] == "C" or kept == (kind != "Mn") and alone >= (kind[0] == "P")
        return seen[c]
    return lambda text: all(map(ok, text))


ILL_FORMED = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}")


def strict(ref):
    """ref, except that overlong forms and surrogates are no characters (The Unicode Standard, table 3-7): llama.cpp reads C0 AF
    as a slash in a byte-level vocabulary, and makes of all other bytes that are no UTF-8 one U+FFFD each."""
    if ref.lib.llama_vocab_type(ref.vocab) != ref.lib.LLAMA_VOCAB_TYPE_BPE:
        return ref
    return lambda text, **how: ref(ILL_FORMED.sub(lambda m: "\ufffd".encode() * len(m[0]), text) if isinstance(text, bytes) else text, **how)


def model_cases(spec, texts, out, fuzz=None):
    """What llama.cpp makes of the texts with a real model's vocabulary, in turn with control tokens as letters and with BOS.
    With fuzz, a source of random numbers, the texts are random ones."""
    name, _, path = spec.partition("=")
    ref = LlamaCpp(path)
    if fuzz:
        added = ref.added()
        texts = [wild_text(fuzz, added) if i % 4 else random_text(fuzz, added) for i in range(len(texts))]
    ref = strict(ref)
    os.makedirs(os.path.join(out, "models"), exist_ok=True)
    rows = [{**written(t), "ids": ref(t, plain=i % 3 == 1, bos=i % 3 == 2), "plain": i % 3 == 1, "bos": i % 3 == 2}
            for i, t in enumerate(texts)]
    open(os.path.join(out, "models", name + ".jsonl"), "w").close()
    append(os.path.join(out, "models"), name, rows)


def decode_cases(out):
    """Bytes that are UTF-8 only in part, and what Python makes of them."""
    rnd, rows = random.Random(3), []
    parts = [b"a", b" ", "é".encode(), "中".encode(), "👍".encode(), b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x96",
             b"\xf0\x9f\x91", b"\x80", b"\xe0\x80", b"\xf8\x88", b"\x00", b"\xef\xbf\xbd"]
    for _ in range(300):
        b = b"".join(rnd.choice(parts) if rnd.random() < .8 else bytes([rnd.randrange(256)]) for _ in range(rnd.randint(1, 12)))
        rows.append({"bytes": base64.b64encode(b).decode(), "text": b.decode(errors="replace")})
    with open(os.path.join(out, "decode.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--fuzz", type=int, default=0)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--out", default=HERE)
    ap.add_argument("--big", action="store_true", help="with --fuzz: sentencepiece's whole nmt_nfkc character map")
    ap.add_argument("--model", action="append", default=[], help="NAME=FILE.gguf: only the references of a real model")
    args = ap.parse_args()
    out = args.out
    os.makedirs(out, exist_ok=True)
    rnd = random.Random(args.seed)
    if args.fuzz:
        texts = [random_text(rnd, SPECIAL + ADDED) if i % 2 else wild_text(rnd, SPECIAL + ADDED).decode(errors="ignore")
                 for i in range(args.fuzz)]
    else:
        with open(os.path.join(HERE, "finds.json"), encoding="utf-8") as f:
            finds = json.load(f)
        texts = CURATED + finds + [random_text(rnd, SPECIAL + ADDED) for _ in range(40)]
    for spec in args.model:
        model_cases(spec, texts, out, rnd if args.fuzz else None)
    if args.model:
        return
    short = [t for t in CURATED if len(t) < 40][::4] + ["<s>a</s> b", "a <|im_end|>  b", "[CLS] a [SEP]", "</s>"]

    decode_cases(out)
    conf = train_bpe()
    bpe_gguf(os.path.join(out, "bpe.gguf"), conf, "gpt-2")
    for pre in FAMILIES:
        tok = bpe_hf(conf, pre)
        cases("bpe." + pre, lambda t: tok.encode(t, add_special_tokens=False).ids, texts + LATER, out)
    with tempfile.TemporaryDirectory() as tmp:
        for pre in LLAMA_CPP_FAMILIES:
            path = os.path.join(tmp, pre + ".gguf")
            bpe_gguf(path, conf, pre)
            cases("bpe." + pre, LlamaCpp(path), texts, out)
        raw = train_raw(os.path.join(out, "raw.gguf"))
        cases("raw", lambda t: raw.encode(t, add_special_tokens=False).ids, texts, out)

        # Sentencepiece takes a mark in the text for a space; programs that read GGUF take it for itself.
        plain = [t for t in texts if "\u2581" not in t]
        sp = train_sp("bpe", os.path.join(tmp, "spm"), byte_fallback=True, normalization_rule_name="identity",
                      remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, split_digits=True)
        write_spm(os.path.join(out, "spm.gguf"), sp)
        added = [t for t in plain if any(a in t for a in SPECIAL + ADDED)]
        cases("spm", lambda t: sp.encode(t), [t for t in plain if t not in set(added)], out)
        ref = LlamaCpp(os.path.join(out, "spm.gguf"))
        append(out, "spm", [{"text": t, "ids": ref(t)} for t in added])
        ends(out, "spm", short)
        # As Phi-3's files have it: control tokens that take the white space after them, known by the model's name.
        path = os.path.join(tmp, "phi3.gguf")
        write_spm(path, sp, name="phi3")
        cases("spm.phi3", LlamaCpp(path),
              [t.replace("<|begin|>", "<s>") for t in added if "\n\n\n" not in t], out)

        rules = os.path.join(tmp, "rules.tsv")
        with open(rules, "w") as f:
            for src, dst in (("\t", " "), ("\n", " "), ("\r", " "), ("\u00a0", " "), ("\u3000", " "), ("\u200b", ""), ("ﬁ", "fi"),
                             ("½", "1/2"), ("e\u0301", "é"), ("a\u0301\u0302", "á"), ("Ａ", "A"), ("Ｂ", "B"), ("\u2003", " "),
                             ("...", "…"), ("..", "‥")):
                f.write(" ".join("%X" % ord(c) for c in src) + "\t" + " ".join("%X" % ord(c) for c in dst) + "\n")
        norm = dict(normalization_rule_name="nmt_nfkc") if args.big else dict(normalization_rule_tsv=rules)
        ug = train_sp("unigram", os.path.join(tmp, "unigram"), unk_id=2, bos_id=-1, eos_id=1, pad_id=0, **norm)
        tokens, scores, types = sp_tables(ug)

        def extra(w):
            w.add_eos_token_id(1)
            w.add_unk_token_id(2)
            w.add_pad_token_id(0)
            w.add_add_bos_token(False)
            w.add_add_eos_token(True)
            w.add_add_space_prefix(True)
            w.add_remove_extra_whitespaces(True)
            w.add_precompiled_charsmap(charsmap(ug))
        write_gguf(os.path.join(out, "unigram.gguf"), "t5", tokens, types, scores, extra=extra, pre="default")
        # Sentencepiece sums scores in float32, the others in float64: of equally good cuts another one may win.
        ref = LlamaCpp(os.path.join(out, "unigram.gguf"))
        print("sentencepiece and llama.cpp differ in", sum(ug.encode(t) != ref(t) for t in plain), "of", len(plain))
        cases("unigram", ref if args.fuzz else lambda t: ug.encode(t), plain, out)
        ends(out, "unigram", short)

    wp = train_wordpiece()
    wordpiece_gguf(os.path.join(out, "wordpiece.gguf"), wp)
    cases("wordpiece", lambda t: wp.encode(t, add_special_tokens=False).ids, list(filter(known(wp), texts)), out)
    ends(out, "wordpiece", [t for t in short if t.isascii()])  # llama.cpp decomposes less
    cases("bpe", None, [], out)
    ends(out, "bpe", short)


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    main()
