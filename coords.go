package godwit

import (
	"bytes"

	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/seq"
)

type (
	// Coord is where a token stands on two axes.
	Coord = seq.Coord
	// Coords gives tokens their coordinates, for plans with groups.
	Coords = runtime.Coords
)

// Table returns the Coords of a text that is a table: A is the number of the line, B that of the tab in it. A token that ends lines or
// cells, also in its middle, belongs to what it ends. Sessions of plans with groups have it unless SessionOptions.Coords is another.
func (m *Model) Table() (Coords, error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]seq.Coord) // how many of both a token ends; tabs behind its last line
	err = m.rt.Guard(func() error {
		var piece []byte
		for id := range int32(tok.Size()) {
			piece = tok.AppendPiece(piece[:0], id)
			lines := bytes.Count(piece, []byte{'\n'})
			tabs := bytes.Count(piece[bytes.LastIndexByte(piece, '\n')+1:], []byte{'\t'})
			if lines+tabs > 0 {
				ends[id] = seq.Coord{A: int32(lines), B: int32(tabs)}
			}
		}
		return nil
	})
	return func(_ int, last, _ int32, at seq.Coord) seq.Coord {
		by := ends[last]
		if by.A > 0 {
			at.B = 0
		}
		return seq.Coord{A: at.A + by.A, B: at.B + by.B}
	}, err
}
