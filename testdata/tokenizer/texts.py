"""Texts that tokenizers get wrong: words to train on, curated strings, and a generator of random ones."""
import unicodedata

WORDS = (
    "the of and to in a is that for it as was with be by on not he I this are or his from at which but have had they you "
    "were their one all we can her has there been if more when will would who so no said it's don't I'LL we've He'd "
    "They'RE def return int main() { } ; // == != 2024 3.14159 1000000 http://example.org/a?b=c foo_bar camelCase "
    "HTTPServer XMLHttpRequest ﬁ ſ 'ſ 're 'S 'LL 'Ve naïve Straße İstanbul ŞEHİR Привет мир Ελλάδα ΣΊΣΥΦΟΣ 中文字符 日本語テスト "
    "한국어 العربية עברית हिन्दी தமிழ் ไทย ქართული 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ½ ² Ⅷ ١٢٣ ๔๕ é e\u0301 ǅ ʰ ª ǅungla Ａｂ a\u0301\u0302 Ł o\u0308"
).split(" ")

SPACES = [" ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\r\n", "\t", "\t\t", " \n", "\n ", " \r\n ", "\u00a0", "\u3000", "\u2003",
          "\u0085", "\u2028", "        ", "\u200b", "\ufeff", "\u1680", "\x0b", "\x0c", "\u202f"]

PUNCT = "!?.,;:'\"()[]{}<>/\\|@#$%^&*-_=+~`"

RANGES = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE80), (0x1100, 0x1200),
          (0x1E00, 0x2070), (0x20A0, 0x2190), (0x2190, 0x2600), (0x2E80, 0x3200), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4),
          (0xF900, 0xFB50), (0xFB50, 0xFE70), (0xFF00, 0xFFF0), (0x1D400, 0x1D800), (0x1F300, 0x1FA00), (0x10000, 0x11000),
          (0x1680, 0x1780), (0x2000, 0x2070), (0x01, 0x20), (0x80, 0xA0), (0x20000, 0x20100), (0xE0000, 0xE0200)]

CURATED = [
    "", " ", "  ", "\n", "\n\n", "\n\n\n\n", "\t", " \n \n", "a", " a", "a ", "  a", "a  b", "Hello world", " Hello", "Hello, y'all! How are you 😁?",
    "I'm sure they'll say we've DON'T 'S 'Ll '", "''s'd'x", "x'\u017f y", "3 33 333 3333 33333 333333", "1234567890", "a1b22c333",
    "Ⅷ½²①", "١٢٣٤٥", "\u0e3a\u0e40\u0e01", "e\u0301e\u0301", "\u0301\u0301a", " \u0301", "!\u0301x", "A\u0301B", "aB aBC ABc ABCd HTTPServer iPhone",
    "ǅ ǅa aǅ ʰA Aʰ ªA Ａｂ", "中文字符 and English", "日本語テスト。次へ", "한국어 텍스트", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ไทย",
    "🚀 (normal) 😶\u200d🌫️ (multiple emojis concatenated) ✅ 👨\u200d👩\u200d👧\u200d👦🇩🇪", "\u200b\u200c\u200d\ufeff", "\x00\x01\x7f", "\u0085\u00a0\u2028",
    "a\r\nb\rc\n\r\n d", "x\n  \n y", "   \n", "\n   ", "tab\tand\t\ttwo", "!!??..;;", "a.b,c!d", " ?! x", "/* c */ // d\n", "a/\nb//\r\n/",
    "<|im_end|>", "a<|im_end|> b<|begin|>", "<|im_end|", "<tool>x</tool>", "<to <tool <tool>>", "<<tool>>", "http://example.org/path?x=1&y=2#z",
    "def f(x):\n    return x + 1\n\n\nclass A:\n\tpass\n", "foo_bar-baz qux", "$5 +1 <= >= ^~ |`", "____ ---- ==== ####", "(()) [[]] {{}}",
    "Привет, мир! ΣΊΣΥΦΟΣ", "İstanbul ŞEHİR ß ẞ ﬁ ſ", "\U0001d400\U0001d41a\U00010400", "a" * 70, " " * 40, "ab" * 30, "word " * 12, "𠀀𠀁", "\u2581x \u2581",
    "Ğ\u2003g\u3000h", "..... .. . ...", "ﬁ½ＡＢ e\u0301 a\u0301\u0302 x\u200by", "x" * 120 + " y", "\u3000\u3000a", "i\u0307 I\u0307 İ", "각 각", "\ufffd \ufffdx",
    "unreached unreached unreachedly", "a  12   3456 x  7",
]

# Characters of Unicode 16, which not every reference knows.
LATER = ["\U00010ff6\U00010d5c\U000100be", "\U00010d5caB\U00010d7c \u1c89\u1c8aA", "1\U00010d401 a\u0897b \u1b4e!\u1b4e \U0001fadf",
         "\U0002ebf0\U0002ee5d中 \U000143fa"]


def _assigned(c):
    return unicodedata.category(chr(c)) not in ("Cs", "Cn")


def random_text(rnd, specials):
    """A text of up to sixty parts: words, white space, letters of three scripts, punctuation, digits, added tokens, runs."""
    parts = []
    scripts = rnd.sample(RANGES, rnd.randint(1, 3))
    for _ in range(rnd.randint(1, 10 if rnd.random() < 0.85 else 60)):
        r = rnd.random()
        if r < 0.28:
            parts.append(rnd.choice(WORDS))
        elif r < 0.50:
            parts.append(rnd.choice(SPACES))
        elif r < 0.70:
            lo, hi = rnd.choice(scripts)
            parts.extend(chr(c) for c in (rnd.randrange(lo, hi) for _ in range(rnd.randint(1, 5))) if _assigned(c))
        elif r < 0.79:
            parts.append("".join(rnd.choice(PUNCT) for _ in range(rnd.randint(1, 5))))
        elif r < 0.82:
            parts.append("".join(rnd.choice("abXY12 .!'/\n\r\t(é中\u0301½Σ\u00a0") for _ in range(rnd.randint(3, 15))))
        elif r < 0.85:
            parts.append("".join(rnd.choice("0123456789") for _ in range(rnd.randint(1, 9))))
        elif r < 0.89:
            parts.append(rnd.choice(specials))
        elif r < 0.92:
            parts.append(rnd.choice("abcxyzAÉ中 \n'_") * rnd.randint(1, 30))
        elif r < 0.95:
            c = rnd.randrange(1, 0x110000)
            if _assigned(c):
                parts.append(chr(c))
        else:
            parts.append(" " + rnd.choice(WORDS))
    return "".join(parts)


# Bytes that are no UTF-8: cut characters, surrogates, overlong forms, beyond the last character.
BROKEN = [b"\xff", b"\x80", b"\xbf\xbf", b"\xc3", b"\xe4\xb8", b"\xe2\x96", b"\xf0\x9f\x91", b"\xf0\x9f", b"\xed\xa0\x80",
          b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xfe", b"\xf8\x88\x80\x80\x80"]
EMOJI = "👩👨👧👦🏳️🏴🧑🚀🔬❤️‍🔥🏽🏿🇩🇪🇫🇷#*0©™☃♂♀👍"
MARKS = "\u0300\u0301\u0308\u0327\u0338\u0345\u05b0\u064b\u0901\u093c\u094d\u0e31\u0e48\u1ab0\u20dd\u20e3\u302a\u3099\ufe00\ufe0f\U000e0100"
ODD = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u061c\u200e\u202e\u2066\ufffc\ufffd\ufffe\uffff\U0001ffff\U0010ffff\ue000\u0378\u2581\u0120\u010a"


def wild_text(rnd, specials):
    """Bytes that no author wrote: long runs, controls, stacks of marks, joined emoji, cut and doubled special tokens, any code
    point that there is, and in one of four texts bytes that are no UTF-8."""
    broken, parts = rnd.random() < 0.25, []
    for _ in range(rnd.randint(1, 12)):
        r = rnd.random()
        if r < 0.14:  # one character, or a few in turn
            unit = rnd.choice([" ", "\n", "\t", "\r\n", "0", "7", "12", " \n", "\n ", "\t ", "a", "=", "-", ".", "\u2581", "\u00a0", "\u3000", "é", "中", "👍"])
            part = unit * rnd.choice([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 300])
        elif r < 0.22:
            part = "".join(rnd.choice("0123456789 ,.\n½²٣๔") for _ in range(rnd.randint(1, 40)))
        elif r < 0.32:
            part = "".join(chr(rnd.choice([rnd.randrange(0x20), rnd.randrange(0x7F, 0xA1)])) for _ in range(rnd.randint(1, 6)))
        elif r < 0.40:
            part = rnd.choice("aéЖא中 \n1") + "".join(rnd.choice(MARKS) for _ in range(rnd.randint(1, 9)))
        elif r < 0.48:
            part = rnd.choice(["\u200d", "", "\ufe0f\u200d"]).join(rnd.choice(EMOJI) for _ in range(rnd.randint(1, 7)))
        elif r < 0.53:
            part = "".join(rnd.choice(ODD) for _ in range(rnd.randint(1, 4)))
        elif r < 0.65:
            part = rnd.choice(specials)
            how = rnd.randrange(6)
            part = [part, part * 2, part[:-1], part[1:], " " + part + " ", part[:rnd.randint(0, len(part))] + part][how]
        elif r < 0.75:
            part = "".join(chr(c) for c in (rnd.randrange(0x110000) for _ in range(rnd.randint(1, 5))) if not 0xD800 <= c < 0xE000)
        elif r < 0.85:
            lo, hi = rnd.choice(RANGES)
            part = "".join(chr(rnd.randrange(lo, hi)) for _ in range(rnd.randint(1, 8)))
        elif r < 0.92:
            part = rnd.choice(["", " ", "  ", "\n"]) + rnd.choice(WORDS) + rnd.choice(["", "'s", "'LL", "\u2019s", "'ſ", "'", "_", "-"])
        else:
            part = "".join(rnd.choice("aB1 .!'/\n\r\t(é中\u0301½Σ\u00a0\u2581_$^|") for _ in range(rnd.randint(3, 30)))
        parts.append(part.encode("utf-8"))
        if broken and rnd.random() < 0.4:
            parts.append(rnd.choice(BROKEN) if rnd.random() < 0.7 else bytes([rnd.randrange(0x80, 0xF0)]))
    return b"".join(parts)
