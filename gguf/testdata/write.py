"""Writes write.gguf, the file of TestWriterIndependent as the gguf package writes it, or reads a file that the test wrote.

    pip install gguf==0.19.0 numpy
    python gguf/testdata/write.py                  # rewrites write.gguf
    python gguf/testdata/write.py --read FILE      # prints what the package reads
"""
import os, sys

import numpy as np
from gguf import GGMLQuantizationType as Type, GGUFReader, GGUFValueType as V, GGUFWriter

HERE = os.path.dirname(os.path.abspath(__file__))


def write(path):
    w = GGUFWriter(path, "made-up")
    w.add_uint8("a.uint8", 200)
    w.add_int8("a.int8", -100)
    w.add_uint16("a.uint16", 60000)
    w.add_int16("a.int16", -30000)
    w.add_uint32("a.uint32", 4000000000)
    w.add_int32("a.int32", -2000000000)
    w.add_float32("a.float32", 0.1)
    w.add_bool("a.bool", True)
    w.add_string("a.string", "naïve \u2581")
    w.add_uint64("a.uint64", 1 << 63)
    w.add_int64("a.int64", -(1 << 62))
    w.add_float64("a.float64", 0.1)
    for name, kind, values in (("strings", V.STRING, ["a", "", "ünï"]), ("floats", V.FLOAT32, [0.5, -1e30]),
                               ("ints", V.INT32, [1, -2, 3]), ("bools", V.BOOL, [True, False])):
        w.add_key_value("array." + name, values, V.ARRAY, sub_type=kind)
    w.add_custom_alignment(64)
    w.add_tensor("x.weight", np.arange(6, dtype=np.float32).reshape(2, 3))
    w.add_tensor("y.weight", np.arange(5, dtype=np.float16))
    w.add_tensor("z.weight", np.arange(2 * 34, dtype=np.uint8).reshape(2, 34), raw_dtype=Type.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def read(path):
    r = GGUFReader(path)
    for f in r.fields.values():
        print(f.name, [t.name for t in f.types], f.contents())
    for t in r.tensors:
        print(t.name, t.tensor_type.name, list(t.shape), t.data_offset, t.data.tobytes().hex())


if len(sys.argv) == 3 and sys.argv[1] == "--read":
    read(sys.argv[2])
else:
    write(os.path.join(HERE, "write.gguf"))
