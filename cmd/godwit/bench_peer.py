"""Measures llama.cpp, as the Python package llama-cpp-python holds it, for `godwit bench --peer llama.cpp`.

One JSON object on each line. The first one on standard input says what to load:
    {"model": PATH, "threads": N, "ctx": TOKENS, "key": TYPE, "value": TYPE, "vocab": N}
and is answered by {"ready": true, "version": TEXT}. Every further line is a job, {"op": OP, "n": N, "depth": N}:
    fill     hold `depth` tokens
    prefill  read n tokens with depth tokens held
    decode   the same, one at a time
and is answered by {"ms": TIME, "cpu_ms": TIME}: of the n tokens alone, on the clock and of all threads. {"done": N, "total": N} may come before an answer and tells how far
loading or filling is. {"error": TEXT} ends the program; "missing": true says that the package is not there.
The end of the input is the end of the program.
"""
import ctypes
import json
import os
import signal
import sys
import time

TYPES = {"f32": 0, "f16": 1, "q8_0": 8}  # of ggml
BATCH = 512

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the library prints is no answer


def answer(**fields):
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


class Peer:
    def __init__(self, lib, config):
        self.lib = lib
        self.vocab = config["vocab"]
        for part in ("key", "value"):
            if config[part] not in TYPES:
                raise ValueError("it has no cache of %s" % config[part])

        @lib.llama_log_callback
        def log(level, text, _):
            if level == 4:  # errors
                sys.stderr.write(text.decode("utf-8", "replace"))

        def progress(done, _):
            answer(done=int(100 * done), total=100)
            return True

        self.log = log  # which the library keeps
        lib.llama_log_set(log, ctypes.c_void_p(0))
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0
        kept = type(params.progress_callback)(progress)
        params.progress_callback = kept
        self.model = lib.llama_model_load_from_file(os.fsencode(config["model"]), params)
        if not self.model:
            raise ValueError("it cannot load the model")
        params = lib.llama_context_default_params()
        params.n_ctx = config["ctx"]
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads = params.n_threads_batch = config["threads"]
        params.type_k, params.type_v = TYPES[config["key"]], TYPES[config["value"]]
        params.no_perf = True
        self.context = lib.llama_init_from_model(self.model, params)
        if not self.context:
            raise ValueError("it cannot make a context of %d tokens" % config["ctx"])
        self.memory = lib.llama_get_memory(self.context)
        self.held = 0  # tokens in the cache
        self.valid = 0  # of which so many are those of a fill
        self.feed(0, 16, BATCH)  # the first passes touch pages and start threads
        self.feed(16, 2, 1)
        self.clear()

    def clear(self):
        self.lib.llama_memory_clear(self.memory, False)
        self.held = self.valid = 0

    def feed(self, first, n, batch, tell=None):
        """Feeds the tokens first to first + n, whose numbers have no meaning but are those that godwit feeds."""
        tokens = (self.lib.llama_token * n)(*[((first + i) * 7919 + 11) % self.vocab for i in range(n)])
        one = [(ctypes.cast(ctypes.byref(tokens, i * ctypes.sizeof(self.lib.llama_token)),
                            ctypes.POINTER(self.lib.llama_token)), min(batch, n - i)) for i in range(0, n, batch)]
        start, cpu = time.perf_counter(), time.process_time()
        done = 0
        for at, count in one:
            status = self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(at, count))
            if status != 0:
                raise ValueError("llama_decode returned %d" % status)
            done += count
            if tell:
                self.lib.llama_synchronize(self.context)
                tell(done=done, total=n)
        self.lib.llama_synchronize(self.context)
        self.held += n
        return {"ms": 1e3 * (time.perf_counter() - start), "cpu_ms": 1e3 * (time.process_time() - cpu)}

    def fill(self, depth):
        keep = min(self.valid, depth)
        if keep == 0:
            self.clear()
        elif self.held > keep and not self.lib.llama_memory_seq_rm(self.memory, 0, keep, -1):
            self.clear()  # a cache of windows cannot always go back
            keep = 0
        self.held = self.valid = keep
        if keep < depth:
            self.feed(keep, depth - keep, BATCH, answer)
            self.valid = depth

    def run(self, op, n, depth):
        self.fill(depth)
        if op == "fill":
            return {"ms": 0.0, "cpu_ms": 0.0}
        return self.feed(0, n, {"prefill": BATCH, "decode": 1}[op])


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # godwit ends this program
    sys.path[:] = [p for p in sys.path if p]  # not from the folder where godwit was started
    config = json.loads(sys.stdin.readline())
    try:
        import llama_cpp
        lib = getattr(llama_cpp, "llama_cpp", llama_cpp)
    except ImportError as e:
        answer(error=str(e), missing=isinstance(e, ModuleNotFoundError) and e.name == "llama_cpp")
        return
    try:
        peer = Peer(lib, config)
        # What it was built with decides its speed: "CPU : AVX2 = 1 | OPENMP = 1 | …" becomes (AVX2, OPENMP).
        info = lib.llama_print_system_info().decode().replace(":", "|").split("|")
        built = ", ".join(i.split("=")[0].strip() for i in info if i.strip().endswith("= 1"))
        answer(ready=True, version="llama-cpp-python %s (%s)" % (llama_cpp.__version__, built))
        for line in sys.stdin:
            job = json.loads(line)
            answer(**peer.run(job["op"], job["n"], job["depth"]))
    except Exception as e:
        answer(error="%s: %s" % (type(e).__name__, e))


main()
