#!/usr/bin/env python3
"""Makes the tokenizer fixtures of the converter: directories as a model hub has them, and the ids that Hugging Face tokenizers or
Google's sentencepiece give for test texts.

    python3 -m pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0
    python3 convert/testdata/make_tokenizers.py [NAME ...]     # rewrites the fixtures, or those named

Every directory holds a tokenizer.json or a tokenizer.model with the small files beside it, and ids.jsonl: a text, its ids, and
whether the ids include the tokens that the tokenizer puts around a text ("bos"). Vocabularies are trained on the Apache
licence and on the words of testdata/tokenizer/texts.py.
"""
import json, os, random, shutil, sys, tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "testdata", "tokenizer"))
import make as base
from texts import CURATED, random_text

OUT = os.path.join(HERE, "tokenizers")
BYTES = ["<0x%02X>" % b for b in range(256)]
SPLIT3 = base.gpt4(r"\p{N}{1,3}")


def texts(marks, plain=False):
    """Test texts with those special tokens in them. plain: none with ▁, which sentencepiece takes for a space."""
    rnd = random.Random(5)
    swap = dict(zip(base.SPECIAL + base.ADDED, marks * 6))
    out = [t for t in CURATED if len(t) < 100] + [random_text(rnd, marks) for _ in range(25)]
    for i, t in enumerate(out):
        for old, new in swap.items():
            t = t.replace(old, new)
        out[i] = t
    return [t for t in out if not (plain and "\u2581" in t)]


def ids(path, encode, texts):
    """encode takes a text and whether to put tokens around it; it returns ids."""
    with open(os.path.join(path, "ids.jsonl"), "w") as f:
        for i, t in enumerate(texts):
            bos = i % 4 == 3
            f.write(json.dumps({"text": t, "ids": encode(t, bos), **({"bos": True} if bos else {})}, separators=(",", ":")) + "\n")


def write(path, name, value):
    with open(os.path.join(path, name), "w", encoding="utf-8") as f:
        if isinstance(value, str):
            f.write(value)
        else:
            json.dump(value, f, ensure_ascii=False, indent=None if name == "tokenizer.json" else 1)


def save(name, tok, texts, files, edit=None):
    """Writes the directory of a tokenizers.Tokenizer. edit changes what is written but not what it means."""
    path = fresh(name)
    state = json.loads(tok.to_str())
    write(path, "tokenizer.json", edit(state) if edit else state)
    for file, value in files.items():
        write(path, file, value)
    ref = Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
    ids(path, lambda t, bos: ref.encode(t, add_special_tokens=bos).ids, texts)


def fresh(name):
    path = os.path.join(OUT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def special(content):
    return AddedToken(content, special=True, normalized=False)


def template(bos, number, eos=None, last=None):
    single = [bos, "$A"] + ([eos] if eos else [])
    return processors.TemplateProcessing(single=" ".join(single), special_tokens=[(bos, number)] + ([(eos, last)] if eos else []))


# --- byte-level BPE -------------------------------------------------------------------------------------------------

def byte_level(pre, specials, whole=False):
    tok = Tokenizer(models.BPE(ignore_merges=whole))
    tok.pre_tokenizer, tok.decoder = pre, decoders.ByteLevel()
    tok.train_from_iterator(base.corpus(), trainers.BpeTrainer(
        vocab_size=700, max_token_length=12, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.add_special_tokens([special(s) for s in specials])
    return tok


def gpt2():
    """Merges as strings and no model type, as the oldest files have them; an added token that is not special."""
    tok = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    tok.add_tokens([AddedToken("<tool>", normalized=False)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)

    def edit(state):
        state["model"]["merges"] = [" ".join(m) for m in state["model"]["merges"]]
        del state["model"]["type"]
        return state
    save("gpt2", tok, texts(["<|endoftext|>", "<tool>"]), {
        "tokenizer_config.json": dict(bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>",
                                      add_bos_token=False, add_prefix_space=False)}, edit)


def smollm():
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), base.BYTE_LEVEL])
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tok = byte_level(pre, marks)
    save("smollm", tok, texts(marks), {
        "tokenizer_config.json": dict(bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>",
                                      chat_template="{% for m in messages %}{{ m.content }}{% endfor %}"),
        "special_tokens_map.json": dict(bos_token=dict(content="<|im_start|>"), unk_token="<|endoftext|>")})


def llama3():
    marks = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>"]
    tok = byte_level(base.split(SPLIT3), marks, whole=True)
    tok.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False),
                                              template(marks[0], tok.token_to_id(marks[0]))])
    save("llama3", tok, texts(marks), {
        "tokenizer_config.json": dict(bos_token=marks[0], eos_token=marks[2], chat_template=[
            dict(name="default", template="{{ messages }}"), dict(name="tool_use", template="{{ tools }}")]),
        "generation_config.json": dict(bos_token_id=tok.token_to_id(marks[0]), eos_token_id=[tok.token_to_id(m) for m in marks[1:]])})


def qwen2():
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tok = byte_level(base.split(base.gpt4(r"\p{N}")), marks)
    tok.normalizer = normalizers.NFC()
    import unicodedata
    save("qwen2", tok, [t for t in texts(marks) if unicodedata.normalize("NFC", t) == t], {
        "tokenizer_config.json": dict(bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>", add_prefix_space=False,
                                      unk_token=None),
        "chat_template.jinja": "{{ messages[0].content }}"})


# --- SentencePiece --------------------------------------------------------------------------------------------------

def train(kind, path, **kw):
    return base.train_sp(kind, path, **dict(dict(vocab_size=620, byte_fallback=kind == "bpe", allow_whitespace_only_pieces=True,
                                                 remove_extra_whitespaces=False, normalization_rule_name="identity"), **kw))


def merges(pieces):
    """The merge list of a SentencePiece BPE vocabulary as converters write it: every way to make a piece from two, the best
    score first."""
    vocab, out = {p: i for i, (p, _) in enumerate(pieces)}, []
    for p, score in pieces:
        out += [(p[:i], p[i:], score) for i in range(1, len(p)) if p[:i] in vocab and p[i:] in vocab]
    return [m[:2] for m in sorted(out, key=lambda m: (-m[2], vocab[m[0]], vocab[m[1]]))]


def sp_bpe(sp, normalizer, pre=None):
    pieces = [(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.vocab_size())]
    tok = Tokenizer(models.BPE({p: i for i, (p, _) in enumerate(pieces)}, merges(pieces), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    tok.add_special_tokens([special(s) for s in ("<unk>", "<s>", "</s>")])
    return tok


def llama2():
    """tokenizer.json alone."""
    with tempfile.TemporaryDirectory() as tmp:
        tok = sp_bpe(train("bpe", tmp + "/m"), normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]))
    tok.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = template("<s>", 1)
    # A text after a special token in the text is another matter: there the library puts a space and others do not.
    save("llama2", tok, [t for t in texts(["<none>"]) if t], {
        "tokenizer_config.json": dict(bos_token=dict(content="<s>", lstrip=False), eos_token="</s>", unk_token="<unk>", add_bos_token=True,
                                      add_eos_token=False, legacy=False)})


def gemma():
    """No space before the text; words are split off at spaces, which the merges could not cross anyway."""
    with tempfile.TemporaryDirectory() as tmp:
        sp = train("bpe", tmp + "/m", add_dummy_prefix=False)
        tok = sp_bpe(sp, normalizers.Replace(" ", "\u2581"), pre_tokenizers.Split(" ", "merged_with_previous"))
    marks = ["<start_of_turn>", "<end_of_turn>"]
    tok.add_special_tokens([special(m) for m in marks])
    tok.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("<tool>", normalized=False)])
    tok.post_processor = template("<s>", 1)
    save("gemma", tok, texts(marks + ["<tool>"]), {
        "tokenizer_config.json": dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", add_bos_token=True, add_eos_token=False,
                                      spaces_between_special_tokens=False),
        "generation_config.json": dict(eos_token_id=[2, tok.token_to_id("<end_of_turn>")])})


def model_directory(name, kind, marks, files, **kw):
    path = fresh(name)
    with tempfile.TemporaryDirectory() as tmp:
        sp = train(kind, tmp + "/m", **kw)
        shutil.copy(tmp + "/m.model", os.path.join(path, "tokenizer.model"))
    for file, value in files(sp).items():
        write(path, file, value)
    pad = [1] if files(sp)["tokenizer_config.json"]["add_bos_token"] else []
    end = [sp.eos_id()] if files(sp)["tokenizer_config.json"]["add_eos_token"] else []
    ids(path, lambda t, bos: pad * bos + sp.encode(t) + end * bos, texts(marks, plain=True))
    for f in os.listdir(path):
        os.chmod(os.path.join(path, f), 0o644)


def sp_model():
    """tokenizer.model alone, with a token that was trained in and some that other files add."""
    def files(sp):
        n = sp.vocab_size()
        return {"tokenizer_config.json": dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", add_bos_token=True, add_eos_token=True),
                "added_tokens.json": {"<tool>": n, "<|im_end|>": n + 1}}
    model_directory("spm", "bpe", ["<none>"], files, user_defined_symbols=["<user>"])


def sp_unigram_model():
    def files(sp):
        return {"tokenizer_config.json": dict(eos_token="</s>", unk_token="<unk>", add_bos_token=False, add_eos_token=True,
                                              added_tokens_decoder={str(sp.vocab_size()): dict(content="<extra_id_0>", special=True)})}
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
        write_rules(rules)
        model_directory("unigram-model", "unigram", ["<none>"], files, normalization_rule_tsv=rules.name, remove_extra_whitespaces=True)


def write_rules(f):
    """A small character map: SentencePiece's own has 240 KB. Like it, this one makes every white space a space."""
    rules = [("\u00bd", "1/2"), ("\ufb01", "fi"), ("\u2167", "VIII"), ("e\u0301", "\u00e9"), ("\uff21", "A")]
    rules += [(c, " ") for c in "\t\n\x0b\x0c\r\u0085\u00a0\u1680\u2003\u2028\u202f\u3000"]
    for c, to in rules:
        f.write(" ".join("%X" % ord(x) for x in c) + "\t" + " ".join("%X" % ord(x) for x in to) + "\n")
    f.flush()


def unigram():
    """tokenizer.json of a T5: a character map, runs of spaces become one, </s> at the end."""
    with tempfile.TemporaryDirectory() as tmp, tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
        write_rules(rules)
        sp = train("unigram", tmp + "/m", normalization_rule_tsv=rules.name, remove_extra_whitespaces=True)
        charsmap = base.charsmap(sp)
    tok = Tokenizer(models.Unigram([(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.vocab_size())], sp.unk_id(), False))
    tok.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True),
                                           normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True)
    tok.add_special_tokens([special(s) for s in ("<unk>", "</s>")])
    end = tok.token_to_id("</s>")
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    save("unigram", tok, [t for t in texts(["<none>"], plain=True)], {
        "tokenizer_config.json": dict(eos_token="</s>", unk_token="<unk>", pad_token="<pad>")})


# --- WordPiece ------------------------------------------------------------------------------------------------------

def wordpiece():
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tok.normalizer, tok.pre_tokenizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True), pre_tokenizers.BertPreTokenizer()
    tok.train_from_iterator(base.corpus(), trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    tok.decoder = decoders.WordPiece()
    tok.post_processor = processors.BertProcessing(("[SEP]", tok.token_to_id("[SEP]")), ("[CLS]", tok.token_to_id("[CLS]")))
    ok = base.known(tok)
    save("wordpiece", tok, [t for t in texts(["[SEP]", "[MASK]"]) if ok(t)], {
        "tokenizer_config.json": dict(cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]",
                                      do_lower_case=True)})


ALL = dict(gpt2=gpt2, smollm=smollm, llama3=llama3, qwen2=qwen2, llama2=llama2, gemma=gemma, spm=sp_model, unigram=unigram,
           wordpiece=wordpiece)
ALL["unigram-model"] = sp_unigram_model
for name in sys.argv[1:] or ALL:
    ALL[name]()
    path = os.path.join(OUT, name)
    print(f"{name:14} {sum(os.path.getsize(os.path.join(path, f)) for f in os.listdir(path)):7} bytes")
