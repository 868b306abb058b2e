"""Writes read*.gguf and read.json: files that the gguf package writes, and what the same package reads from them.

    pip install gguf==0.19.0 numpy
    python gguf/testdata/read.py

TestReadIndependent parses the files and compares. read-00001-of-00003.gguf and its companions are one split model,
read-big.gguf is big endian, read-v2.gguf is read.gguf with version 2 in its header (the two versions differ in nothing else).
"""
import hashlib, json, os

import numpy as np
from gguf import GGMLQuantizationType as Type, GGUFEndian, GGUFReader, GGUFValueType as V, GGUFWriter
from gguf.quants import quantize

HERE = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(HERE, name)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def fill(w):
    scalars = {"uint8": 255, "int8": -128, "uint16": 65535, "int16": -32768, "uint32": 2**32 - 1, "int32": -(2**31),
               "uint64": 2**64 - 1, "int64": -(2**63), "float32": 3.4028235e38, "float64": 5e-324, "bool": True}
    for name, v in scalars.items():
        getattr(w, "add_" + name)("scalar." + name, v)
    w.add_string("scalar.string", "ein Pfuhlschnepfe \U0001f426 \0 zero\n")
    w.add_key_value("scalar.bytes", b"not \xff UTF-8", V.STRING)
    ints = [0, 1, 7, 100]
    for t in (V.UINT8, V.INT8, V.UINT16, V.INT16, V.UINT32, V.INT32, V.UINT64, V.INT64):
        v = ints if t.name.startswith("U") else [-x for x in ints]
        w.add_key_value("array." + t.name.lower(), v, V.ARRAY, sub_type=t)
    for t in (V.FLOAT32, V.FLOAT64):
        w.add_key_value("array." + t.name.lower(), [0.0, -0.1, 1e30, float("inf")], V.ARRAY, sub_type=t)
    w.add_key_value("array.bool", [True, False, True], V.ARRAY, sub_type=V.BOOL)
    w.add_array("array.string", ["a", "", "▁the", "\n", "x" * 300])
    w.add_custom_alignment(128)
    rng = np.random.default_rng(1)
    x = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    w.add_tensor("f32", x(3, 5))
    w.add_tensor("f32.4d", x(2, 3, 4, 5))
    w.add_tensor("f16", x(7).astype(np.float16))
    w.add_tensor("f64", x(2, 2).astype(np.float64))
    for t in (np.int8, np.int16, np.int32, np.int64):
        w.add_tensor(np.dtype(t).name, np.arange(-3, 4, dtype=t))
    for t in (Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.TQ1_0, Type.MXFP4):
        w.add_tensor(t.name.lower(), quantize(x(2, 256), t), raw_dtype=t)
    w.add_tensor("q6_k", rng.integers(0, 256, (2, 210), dtype=np.uint8), raw_dtype=Type.Q6_K)


def field(f):
    def text(b):
        return bytes(b).hex()
    kinds = [t.name.lower() for t in f.types]
    if kinds[0] == "array":
        part = f.parts
        v = [text(part[i]) if kinds[-1] == "string" else part[i][0].item() for i in f.data]
        return {"kind": "array", "elem": kinds[-1], "value": v}
    v = f.parts[f.data[0]]
    return {"kind": kinds[0], "value": text(v) if kinds[0] == "string" else v[0].item()}


def read(name):
    r = GGUFReader(path(name))
    keys = [{"key": f.name} | field(f) for f in r.fields.values() if not f.name.startswith("GGUF.")]
    tensors = [{"name": t.name, "type": t.tensor_type.name, "dims": [int(d) for d in t.shape],
                "sha256": hashlib.sha256(t.data.tobytes()).hexdigest()} for t in r.tensors]
    return {"alignment": int(r.alignment), "keys": keys, "tensors": tensors}


def jsonable(x):  # JSON has no infinity, and its readers round large integers
    if isinstance(x, dict):
        return {k: jsonable(v) for k, v in x.items()}
    if isinstance(x, list):
        return [jsonable(v) for v in x]
    return x if isinstance(x, (str, bool)) else repr(x)


w = GGUFWriter(path("read.gguf"), "made-up")
fill(w)
finish(w)
data = bytearray(open(path("read.gguf"), "rb").read())
data[4] = 2
open(path("read-v2.gguf"), "wb").write(data)

w = GGUFWriter(path("read-big.gguf"), "made-up", endianess=GGUFEndian.BIG)
w.add_uint32("a.count", 7)
finish(w)

w = GGUFWriter(path("read.gguf"), "made-up", split_max_tensors=2)
w.add_name("in parts")
for i in range(5):
    w.add_tensor(f"t{i}", np.full((i + 1, 8), i, dtype=np.float32))
finish(w)

out = {n: read(n) for n in ["read.gguf"] + [f"read-{i:05}-of-00003.gguf" for i in (1, 2, 3)]}
with open(path("read.json"), "w") as f:
    json.dump(jsonable(out), f, indent=1, ensure_ascii=True)
    f.write("\n")
