package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/runtime"
)

// logitsJSON is the object of `logits --json`.
type logitsJSON struct {
	Out        string `json:"out"`
	Tokens     int    `json:"tokens"`
	Vocabulary int    `json:"vocabulary"`
	Plan       string `json:"plan"`
	LogitsHash string `json:"logits_hash"` // of the last position
}

func (a *app) logitsCommand() *cobra.Command {
	var ids, out string
	c := &cobra.Command{
		Use:   "logits MODEL --ids LIST --out FILE.npy",
		Short: "Write the logits of every position as a NumPy file, to compare with anything",
		Long: `Write the float32 logits after every token of a list of ids, [tokens, vocabulary], as a NumPy file.

The ids are separated by commas or white space; "-" reads them from standard input.`,
		Example: `  godwit logits smollm2:135m --ids 504,3575,282,4649,314 --out logits.npy`,
		Args:    argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ids == "" || out == "" {
				return usage("logits needs --ids LIST and --out FILE.npy")
			}
			if err := canWrite(out, "logits.npy"); err != nil {
				return err
			}
			if ids == "-" {
				var err error
				if ids, err = a.read("-"); err != nil {
					return err
				}
			}
			tokens, err := parseIDs(ids)
			if err != nil {
				return err
			}
			m, err := a.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			s, err := m.NewSession(a.sessionOptions())
			if err != nil {
				return err
			}
			defer s.Close()
			r := logitsJSON{Out: out, Tokens: len(tokens), Vocabulary: m.Info().Vocab, Plan: m.Plan()}
			part := out + ".part" // a file that is there stays until the new one is complete
			f, err := os.Create(part)
			if err != nil {
				return err
			}
			w := bufio.NewWriterSize(f, 1<<20)
			bar := a.bar("logits", false)
			err = npyHeader(w, len(tokens), r.Vocabulary)
			if err == nil {
				row := make([]byte, 4*r.Vocabulary)
				err = s.Each(cmd.Context(), tokens, func(i int, logits []float32) error {
					for j, v := range logits {
						binary.LittleEndian.PutUint32(row[4*j:], math.Float32bits(v))
					}
					if i == len(tokens)-1 {
						r.LogitsHash = runtime.Hash(logits)
					}
					bar.set(int64(i+1), int64(len(tokens)))
					_, err := w.Write(row)
					return err
				})
			}
			bar.done()
			if err == nil {
				err = w.Flush()
			}
			if err = errors.Join(err, f.Close()); err == nil {
				err = os.Rename(part, out)
			}
			if err != nil {
				os.Remove(part)
				return err
			}
			if a.json {
				return a.print(r)
			}
			a.note("%s: float32 [%d, %d]", out, r.Tokens, r.Vocabulary)
			return nil
		},
	}
	c.Flags().StringVar(&ids, "ids", "", "a `LIST` of token ids; - reads standard input")
	c.Flags().StringVar(&out, "out", "", "write the .npy `FILE`")
	a.modelFlags(c)
	return c
}

func parseIDs(text string) ([]int32, error) {
	var ids []int32
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n[]", r) }) {
		n, err := strconv.ParseInt(f, 10, 32)
		if err != nil {
			return nil, usage("token id %q is not a number", f)
		}
		ids = append(ids, int32(n))
	}
	if len(ids) == 0 {
		return nil, usage("--ids has no token ids")
	}
	return ids, nil
}

// npyHeader writes the header of NumPy's format 1.0 for a C-order float32 matrix.
func npyHeader(w io.Writer, rows, cols int) error {
	h := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols)
	const prefix = 10 // magic, version, length
	h += strings.Repeat(" ", 63-(prefix+len(h))%64) + "\n"
	_, err := w.Write(append([]byte{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, byte(len(h)), byte(len(h) >> 8)}, h...))
	return err
}
