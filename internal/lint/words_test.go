package lint

import (
	"encoding/binary"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

var (
	wordMacroRE = regexp.MustCompile(`(?m)^// (\w+ .*)\n#define \w+\(([\w, ]+)\) WORD \$\((.*)\)$`)
	anyMacroRE  = regexp.MustCompile(`(?m)^#define .*WORD`)
)

// beyond are the instructions that the disassembler does not know: what the manual's diagrams fix, and how operands read. Vm
// has bits 16 to 20, Vn 5 to 9, Vd 0 to 4; a lane's high bit is 11, its low one 21.
var beyond = []struct {
	mask, bits uint32
	format     string // of d, n, m, lane
}{
	{0xffe0fc00, 0x4e809400, "SDOT V%[1]d.4S, V%[2]d.16B, V%[3]d.16B"},
	{0xffc0f400, 0x4f80e000, "SDOT V%[1]d.4S, V%[2]d.16B, V%[3]d.4B[%[4]d]"},
	{0xffe0fc00, 0x4e80a400, "SMMLA V%[1]d.4S, V%[2]d.16B, V%[3]d.16B"},
}

// disassemble is the instruction in the manual's notation.
func disassemble(word uint32) (string, error) {
	inst, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, word))
	if err == nil {
		return strings.ToUpper(arm64asm.GNUSyntax(inst)), nil
	}
	for _, b := range beyond {
		if word&b.mask == b.bits {
			lane := word>>21&1 | word>>11&1<<1
			return fmt.Sprintf(b.format, word&31, word>>5&31, word>>16&31, lane), nil
		}
	}
	return "", err
}

// TestWords: the words of the arm64 headers are the instructions that their comments name, as a disassembler reads them.
func TestWords(t *testing.T) {
	root, checked := os.DirFS("../.."), 0
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, "_arm64.h") {
			return err
		}
		src, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		macros := wordMacroRE.FindAllStringSubmatch(string(src), -1)
		if all := anyMacroRE.FindAllString(string(src), -1); len(macros) != len(all) {
			t.Errorf("%s: %d of %d encoded instructions have a comment with their operands", p, len(macros), len(all))
		}
		for _, m := range macros {
			for _, seed := range []int{0, 1} {
				if ok, got, want := wordIs(t, m[1], m[2], m[3], seed); ok {
					checked++
				} else {
					t.Errorf("%s: %s is %s, not %s", p, m[0], got, want)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 50 {
		t.Errorf("only %d words were checked", checked)
	}
}

var (
	byteMacroRE = regexp.MustCompile(`(?m)^// (\w+ Ym, Yv, Yd)\n#define \w+\(m, v, d\) ((?:BYTE \$.*; )+BYTE \$.*)$`)
	anyByteRE   = regexp.MustCompile(`(?m)^#define .*BYTE`)
)

// TestVEX: the bytes of the amd64 headers are the instructions that their comments name, for all registers, as the diagram
// of the three-byte VEX prefix has it. The disassembler does not know them.
func TestVEX(t *testing.T) {
	root, checked := os.DirFS("../.."), 0
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, "_amd64.h") {
			return err
		}
		src, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		macros := byteMacroRE.FindAllStringSubmatch(string(src), -1)
		if all := anyByteRE.FindAllString(string(src), -1); len(macros) != len(all) {
			t.Errorf("%s: %d of %d encoded instructions have a comment with their operands", p, len(macros), len(all))
		}
		for _, m := range macros {
			for r := range 16 * 16 * 16 {
				regs := map[string]int{"m": r & 15, "v": r >> 4 & 15, "d": r >> 8}
				want := m[1]
				for name, n := range regs {
					want = strings.Replace(want, "Y"+name, fmt.Sprintf("Y%d", n), 1)
				}
				if got := decodeVEX(macroBytes(t, m[2], regs)); got != want {
					t.Fatalf("%s: %s is %s, not %s", p, m[1], got, want)
				}
				checked++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked == 0 {
		t.Error("nothing was checked")
	}
}

// macroBytes evaluates BYTE $expression; BYTE $expression; ... with the parameters' values.
func macroBytes(t *testing.T, body string, params map[string]int) (code []byte) {
	t.Helper()
	for _, b := range strings.Split(body, ";") {
		expr := strings.TrimPrefix(strings.TrimSpace(b), "BYTE $")
		for name, n := range params {
			expr = strings.ReplaceAll(expr, "("+name+")", fmt.Sprint(n))
		}
		v, err := strconv.ParseUint(expr, 0, 8)
		if err != nil {
			e, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			v, _ = constant.Uint64Val(e.Value)
		}
		if v > 255 {
			t.Fatalf("%s is %d", expr, v)
		}
		code = append(code, byte(v))
	}
	return code
}

// decodeVEX reads VPDPBUSD of 256 bits with registers alone: VEX.256.66.0F38.W0 50 /r.
func decodeVEX(b []byte) string {
	if len(b) != 5 || b[0] != 0xc4 || b[1]&31 != 2 || b[2]&0x87 != 5 || b[3] != 0x50 || b[4]>>6 != 3 {
		return fmt.Sprintf("% x", b)
	}
	if b[1]&0x40 == 0 {
		return "an index register without memory"
	}
	high := func(bit int) int { return int(^b[1]>>bit&1) << 3 }
	return fmt.Sprintf("VPDPBUSD Y%d, Y%d, Y%d", high(5)|int(b[4]&7), 15-int(b[2]>>3&15), high(7)|int(b[4]>>3&7))
}

// wordIs evaluates a macro with registers that tell operands apart and compares what the disassembler reads with the comment.
func wordIs(t *testing.T, comment, params, expr string, seed int) (ok bool, got, want string) {
	t.Helper()
	want = comment
	for i, name := range strings.Split(params, ",") {
		name = strings.TrimSpace(name)
		value := []int{3, 13, 7}[i%3] + 9*seed // registers below 16: operands by element reach no others with halves
		letter := name[:1]
		if name == "lane" || name == "bits" {
			value, letter = 1+seed, ""
			want = strings.ReplaceAll(want, name, fmt.Sprint(value))
		}
		expr = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(expr, fmt.Sprint(value))
		want = regexp.MustCompile(`\b`+strings.ToUpper(letter)+name[1:]+`\b`).ReplaceAllString(want, fmt.Sprintf("V%d", value))
		want = regexp.MustCompile(`\bS`+name[1:]+`\b`).ReplaceAllString(want, fmt.Sprintf("S%d", value))
	}
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	word, _ := constant.Uint64Val(v.Value)
	got, err = disassemble(uint32(word))
	if err != nil {
		return false, err.Error(), want
	}
	want = strings.ToUpper(want)
	return got == want, got, want
}
