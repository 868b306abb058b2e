package lint

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/quant"
)

var update = flag.Bool("update", false, "write the counts of docs/KERNELS.md")

// counts are the instructions of each assembly function's last loop, as the assembler lists them.
type counts map[string]int

var (
	symbolRE = regexp.MustCompile(`^\w+\.(\w+) STEXT`)
	instRE   = regexp.MustCompile(`^\t0x\w+ (\d+) \([^)]*\)\t(\w+)(?:\.\w+)*\t?(.*)$`)
	tilerRE  = regexp.MustCompile(`(?s)var (tiles\w+) = tiler\{\n(.*?)\n\}\n`)
	tilingRE = regexp.MustCompile(`(?m)^\t\t(\w+):\s+\{(.*)\},$`)
	partRE   = regexp.MustCompile(`(\w+): (\w+)`)
)

// assemble counts the loops of a package's assembly for an architecture.
func assemble(t *testing.T, dir, goarch string) counts {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_"+goarch+".s"))
	if err != nil || len(files) == 0 {
		t.Fatalf("assembly of %s in %s: %v, %v", goarch, dir, files, err)
	}
	c := counts{}
	for _, file := range files {
		cmd := exec.Command("go", "tool", "asm", "-S", "-I", filepath.Join(strings.TrimSpace(string(root)), "pkg", "include"),
			"-p", "p", "-o", filepath.Join(t.TempDir(), "out.o"), file)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+goarch)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		c.read(string(out))
	}
	return c
}

// read takes a listing. An instruction written as five BYTEs counts as one.
func (c counts) read(listing string) {
	type inst struct {
		pc    int
		fifth bool // a fifth of an instruction
	}
	var symbol string
	var code []inst
	for _, line := range strings.Split(listing, "\n") {
		if m := symbolRE.FindStringSubmatch(line); m != nil {
			symbol, code = m[1], nil
			continue
		}
		m := instRE.FindStringSubmatch(line)
		if m == nil || m[2] == "TEXT" || m[2] == "FUNCDATA" || m[2] == "PCDATA" {
			continue
		}
		pc, _ := strconv.Atoi(m[1])
		code = append(code, inst{pc, m[2] == "BYTE"})
		if target, err := strconv.Atoi(m[3]); err == nil && (m[2] == "BNE" || m[2] == "JNE") && target < pc {
			whole, fifths := 0, 0
			for _, i := range code {
				switch {
				case i.pc < target:
				case i.fifth:
					fifths++
				default:
					whole++
				}
			}
			c[symbol] = whole + fifths/5
		}
	}
}

// level is a tiler of the package quant.
type level struct {
	name, goarch, file, tiler string
	rows                      int    // of a tile
	weave                     string // what brings a tile's integers together, and how many bytes a round of its loop does
	weaveBytes                int
	scales                    string // what does the same for scales
	scaleBytes                int
}

var levels = []level{
	{"neon", "arm64", "mul_arm64.go", "tilesNEON", 8, "interleaveNEON", 128, "interleaveNEON", 128},
	{"dotprod", "arm64", "mul_arm64.go", "tilesDot", 8, "interleaveNEON", 128, "interleaveNEON", 128},
	{"i8mm", "arm64", "mul_i8mm_arm64.go", "tilesI8MM", 8, "eightsNEON", 128, "interleaveNEON", 128},
	{"avx2", "amd64", "mul_amd64.go", "tilesAVX2", 8, "interleaveAVX2", 256, "interleaveAVX2", 256},
	{"avxvnni", "amd64", "mul_avx2vnni_amd64.go", "tilesAVXVNNI", 8, "interleaveAVX2", 256, "interleaveAVX2", 256},
	{"avx512vnni", "amd64", "mul_avx512_amd64.go", "tilesVNNI", 16, "interleaveAVX2", 256, "interleaveAVX2", 256},
}

// TestKernelCounts: docs/KERNELS.md tells how many instructions the kernels take, and tells the truth. -update writes them.
func TestKernelCounts(t *testing.T) {
	const doc, begin, end = "../../docs/KERNELS.md", "<!-- counted -->\n", "<!-- end -->\n"
	byArch, beside := map[string]counts{}, map[string]float64{}
	var table strings.Builder
	table.WriteString("| format | level | one row | chunk | tile |\n|---|---|---|---|---|\n")
	for _, name := range []string{"Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"} {
		f, ok := quant.ByName(name)
		if !ok {
			t.Fatal(name)
		}
		for _, l := range levels {
			if byArch[l.goarch] == nil {
				byArch[l.goarch] = assemble(t, "../../quant", l.goarch)
			}
			if name == "IQ4_NL" && l.goarch == "amd64" {
				continue // unpacked in Go
			}
			one, chunk, tile, note := l.costs(t, f, byArch[l.goarch])
			fmt.Fprintf(&table, "| %s | %s | %.3f%s | %.4f | %.2f |\n", f.Name, l.name, one, note, chunk, tile)
			beside["one row, "+l.name+", "+f.Name], beside["chunk, "+l.name+", "+f.Name] = one, chunk
		}
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", doc)
	}
	tail, checked := others(tail, beside)
	if checked != 21 {
		t.Errorf("%d of the 21 figures beside others' were found", checked)
	}
	switch want := head + begin + table.String() + end + tail; {
	case string(text) == want:
	case *update:
		if err := os.WriteFile(doc, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/KERNELS.md differs from the assembly; go test ./internal/lint -run KernelCounts -update writes it:\n%s", table.String())
	}
}

// others sets godwit's figures in the tables beside others', whose headings name the work and the instruction.
func others(text string, figures map[string]float64) (out string, found int) {
	section, lines := "", strings.Split(text, "\n")
	for i, line := range lines {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			section = strings.NewReplacer("One row", "one row", "Chunk", "chunk", "SDOT", "dotprod", "SMMLA", "i8mm").Replace(title)
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		if v, ok := figures[section+", "+strings.TrimSpace(cells[1])]; ok {
			cells[2] = fmt.Sprintf(" %.3f ", v)
			lines[i] = strings.Join(cells, "|")
			found++
		}
	}
	return strings.Join(lines, "\n"), found
}

// costs are the instructions per weight of a row, of a chunk, and of making a tile.
func (l level) costs(t *testing.T, f *quant.Format, c counts) (one, chunk, tile float64, note string) {
	t.Helper()
	src, err := os.ReadFile("../../quant/" + l.file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, m := range tilerRE.FindAllStringSubmatch(string(src), -1) {
		for _, k := range tilingRE.FindAllStringSubmatch(m[2], -1) {
			if m[1] == l.tiler && k[1] == f.Name {
				for _, p := range partRE.FindAllStringSubmatch(k[2], -1) {
					parts[p[1]] = p[2]
				}
			}
		}
	}
	per := func(symbol string, weights int) float64 {
		if c[symbol] == 0 {
			t.Errorf("%s, %s: no loop in %q", l.name, f.Name, symbol)
		}
		return float64(c[symbol]) / float64(weights)
	}
	numbers := 1 // of a group
	if f.HasMin {
		numbers = 2
	}
	tile = per(parts["unpack"], f.Elems) + per(l.weave, l.weaveBytes) + per(l.scales, l.scaleBytes)*4*float64(numbers)/float64(f.Group)
	one, note = per(parts["one"], l.rows*32)+tile, " through a tile"
	if parts["direct"] != "" {
		one, note = per(parts["direct"], 8*f.Elems), ""
	}
	chunk = per(parts["one"], l.rows*32)
	for kernel, n := range map[string]int{"four": 4, "eight": 8} {
		if parts[kernel] != "" {
			chunk = min(chunk, per(parts[kernel], l.rows*32*n))
		}
	}
	return one, chunk, tile, note
}
