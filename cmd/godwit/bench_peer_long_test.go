//go:build long

package main

import (
	"os"
	"strings"
	"testing"
)

// stubLibrary stands for the Python package: it writes the tokens of every pass to a file, and what it prints must not disturb.
const stubLibrary = `
import ctypes, os
__version__ = "stub"
llama_token = ctypes.c_int32
llama_log_callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
called = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_float, ctypes.c_void_p)
class Params: pass
held = []
def llama_log_set(*a): pass
def llama_backend_init(): pass
def llama_model_default_params():
    p = Params(); p.progress_callback = called(); return p
def llama_model_load_from_file(path, p):
    assert p.n_gpu_layers == 0 and p.progress_callback(0.5, None)
    return os.path.exists(path)
def llama_context_default_params(): return Params()
def llama_init_from_model(m, p):
    print("noise")
    return (p.n_ctx, p.n_threads, p.n_threads_batch, p.type_k, p.type_v) == (20, 2, 2, 8, 8)
def llama_get_memory(c): return 1
def llama_memory_clear(m, d): held.clear()
def llama_memory_seq_rm(m, s, a, b): del held[a:]; return True
def llama_batch_get_one(at, n): return at, n
def llama_decode(c, b):
    held.extend(b[0][i] for i in range(b[1]))
    with open(os.environ["STUB_LOG"], "a") as f: f.write("%d:%s\n" % (b[1], ",".join(map(str, held))))
    return 0
def llama_synchronize(c): pass
def llama_print_system_info(): return b"CPU : SSE3 = 1 | AVX = 0 | OPENMP = 1 | "
`

// TestLongPeerScript: the real script, with a stub for the library, holds the tokens that it should. It needs python3.
func TestLongPeerScript(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	if err := os.WriteFile(dir+"/llama_cpp.py", []byte(stubLibrary), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", dir)
	t.Setenv("STUB_LOG", dir+"/log")
	args := []string{"bench", m, "-p", "4", "-n", "2", "-d", "0,3", "-r", "2", "-c", "20", "-t", "2", "--plan", "kv=q8_0", "--no-limits", "--peer", "llama.cpp"}
	j := decode[benchJSON](t, must(t, "", append(args, "--json")...))
	if j.Peer != "llama.cpp, llama-cpp-python stub (SSE3, OPENMP)" || len(j.Rows) != 4 || j.Rows[0].Peer.TPS <= 0 {
		t.Errorf("%+v", j)
	}
	data, err := os.ReadFile(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	// 11, 70, … are 7919·i + 11 modulo the vocabulary, 262.
	pair := "4:11,70,129,188\n1:11\n1:11,70\n"
	deep := "4:11,70,129,11,70,129,188\n1:11,70,129,11\n1:11,70,129,11,70\n"
	_, got, ok := strings.Cut(string(data), "\n1:") // after the passes that warm up
	_, got, ok2 := strings.Cut(got, "\n")
	_, got, _ = strings.Cut(got, "\n")
	if want := pair + pair + "3:11,70,129\n" + deep + deep; !ok || !ok2 || got != want {
		t.Errorf("passes:\n%swant:\n%s", got, want)
	}
	// A Python without the package, and a file that it cannot load.
	if err := os.WriteFile(dir+"/llama_cpp.py", []byte("raise ModuleNotFoundError('x', name='llama_cpp')"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := godwitWith(t, "", args...); r.code != exitError || !strings.Contains(r.err, "has no package llama-cpp-python") {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
	if err := os.WriteFile(dir+"/llama_cpp.py", []byte(stubLibrary+"def llama_model_load_from_file(path, p): return None\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := godwitWith(t, "", args...); r.code != exitError || !strings.Contains(r.err, "ValueError: it cannot load the model") {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
}
