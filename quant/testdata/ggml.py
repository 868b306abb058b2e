"""Writes ggml.txt: what ggml itself makes of the rows and blocks of fixture_test.go.

    pip install llama-cpp-python gguf numpy
    python ggml.py > ggml.txt          # and then ../fixture_test.go compares

ggml is called through the libggml-base that llama-cpp-python carries (ggml_quantize_chunk and the to_float of
ggml_get_type_traits; an x86-64 build without FMA). Decoded values are compared with gguf-py's NumPy decoders as well,
and where gguf-py can encode, its bytes with ggml's; differences are reported on standard error.

Each line: format, what, row, and the first 8 bytes of a SHA-256 in hex.
"""
import ctypes, glob, hashlib, importlib.util, os, sys
import numpy as np
import gguf

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
         "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "BF16": 30, "MXFP4": 39}
COLS, BLOCKS = 1024, 64


def load():
    home = os.path.dirname(importlib.util.find_spec("llama_cpp").origin)
    lib = ctypes.CDLL(glob.glob(os.path.join(home, "lib", "libggml-base.so*"))[0])
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                        ctypes.c_int64, ctypes.c_void_p]

    class Traits(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("elems", ctypes.c_int64), ("interleave", ctypes.c_int64),
                    ("size", ctypes.c_size_t), ("quantized", ctypes.c_bool),
                    ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64))]
    lib.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    return lib


def stream(seed, n):
    """splitmix64, element i of stream seed."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def row(kind, seed, n=COLS):
    """The same values as row in fixture_test.go: every step is exact or rounds once."""
    r = stream(seed, n)
    i = np.arange(n)
    g = sum(((r >> np.uint64(s)) & np.uint64(0xFFFF)).astype(np.int64) for s in (0, 16, 32, 48)) - 131070
    g = g.astype(np.float32) * np.float32(2**-17)
    two = lambda e: np.ldexp(np.float32(1), e).astype(np.float32)
    f = np.float32
    top = (r >> np.uint64(60)).astype(np.int32)
    with np.errstate(over="ignore", under="ignore"):
        return {
            "bell": lambda: g,
            "heavy": lambda: g * two(top - 8),
            "positive": lambda: np.abs(g),
            "negative": lambda: -np.abs(g),
            "zero": lambda: g * 0 * 0 + f(0),
            "minuszero": lambda: np.full(n, -0.0, f),
            "constant": lambda: np.full(n, 0.7, f),
            "negconstant": lambda: np.full(n, -0.3, f),
            "outlier": lambda: np.where(i % 300 == 17, f(100), g * two(-6)),
            "denormal": lambda: g * two(-125),
            "subnormal": lambda: g * two(-126) * two(-12),
            "tiny": lambda: g * two(-49),
            "halftiny": lambda: g * two(-20),
            "halfhuge": lambda: g * two(20),
            "huge": lambda: g * two(100),
            "max": lambda: g * two(127) * f(1.9),
            "ramp": lambda: (i % 32 - 13).astype(f) * f(0.125),
            "ties": lambda: ((r >> np.uint64(50)) % np.uint64(33)).astype(np.int64).astype(f) * f(0.5) - f(8),
            "belowpower": lambda: np.where(g < 0, f(-1), f(1)) * f(1 - 2**-24) * two(i // 32 % 24 - 12 - (top > 3)),
            "sparse": lambda: np.where(top == 0, g, f(0)),
            "stairs": lambda: g * two(i // 32 % 7 * 2 - 6),
            "offset": lambda: g + f(3),
            "alternate": lambda: np.where(i % 2 == 0, f(1), f(-1)),
            "hole": lambda: np.where(i < 300, f(0), g),
            "inf": lambda: np.where(i % 97 == 5, f(np.inf), g),
            "nan": lambda: np.where(i % 89 == 3, -f(np.nan), g),
        }[kind]().astype(f)


KINDS = ("bell heavy positive negative zero minuszero constant negconstant outlier denormal subnormal tiny halftiny "
         "halfhuge huge max ramp ties belowpower sparse stairs offset alternate hole inf nan").split()


def importance(seed, n=COLS):
    r = stream(seed, n)
    i = np.arange(n)
    w = ((r >> np.uint64(40)) + np.uint64(1)).astype(np.float32) * np.float32(2**-24)
    return np.where((i // 32 % 9 == 4) | (r % np.uint64(11) == 0), np.float32(0), w).astype(np.float32)


def digest(b):
    return hashlib.sha256(b).hexdigest()[:16]


def plain(x):
    """Float32 bits with one bit pattern for all NaNs."""
    b = x.view(np.uint32).copy()
    b[np.isnan(x)] = 0x7FC00000
    return b.tobytes()


def main():
    lib = load()
    with np.errstate(all="ignore"):
        for name, t in TYPES.items():
            traits = lib.ggml_get_type_traits(t).contents
            size = lambda n: n // traits.elems * traits.size

            def encode(x, w=None):
                out = np.zeros(size(len(x)), np.uint8)
                x = np.ascontiguousarray(x)
                n = lib.ggml_quantize_chunk(t, x.ctypes.data, out.ctypes.data, 0, 1, len(x), None if w is None else w.ctypes.data)
                assert n == len(out)
                return out

            def decode(b):
                if name == "F32":
                    return b.view(np.float32).copy()
                out = np.zeros(len(b) // traits.size * traits.elems, np.float32)
                traits.to_float(b.ctypes.data, out.ctypes.data, len(out))
                return out

            def emit(what, kind, h):
                print(name, what, kind, h)

            for kind in KINDS:
                x = row(kind, 1)
                b = encode(x)
                emit("encode", kind, digest(b))
                emit("weighted", kind, digest(encode(x, importance(2))))
                try:
                    if bytes(gguf.quants.quantize(x, gguf.GGMLQuantizationType(t)).tobytes()) != b.tobytes():
                        print(name, kind, "gguf-py encodes differently", file=sys.stderr)
                except NotImplementedError:
                    pass
            many = hashlib.sha256()
            weighted = hashlib.sha256()
            for s in range(100, 116):
                x = row("heavy" if s % 2 else "bell", s)
                many.update(encode(x))
                weighted.update(encode(x, importance(s + 1000)))
            emit("encode", "many", many.hexdigest()[:16])
            emit("weighted", "many", weighted.hexdigest()[:16])

            n = traits.size * (BLOCKS if traits.elems > 1 else 4096)
            b = stream(3, (n + 7) // 8).view(np.uint8)[:n].copy()
            y = decode(b)
            emit("decode", "random", digest(plain(y)))
            if name != "F32" and plain(gguf.quants.dequantize(b, gguf.GGMLQuantizationType(t))) != plain(y):
                print(name, "gguf-py decodes differently", file=sys.stderr)
            if traits.elems > 1:
                b = encode(row("bell", 1))[:traits.size]
                y = decode(b)
                print(name, "block", "bell", b.tobytes().hex())
                print(name, "values", "bell", y[::len(y)//32].tobytes().hex())


if __name__ == "__main__":
    main()
