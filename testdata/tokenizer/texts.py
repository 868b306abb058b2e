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
