package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/tokenizer"
)

// tokenizeJSON is the object of `tokenize --json`.
type tokenizeJSON struct {
	Model  string   `json:"model"`
	Ids    []int32  `json:"ids"`
	Pieces []string `json:"pieces"`
}

func (a *app) tokenizeCommand() *cobra.Command {
	var noBOS, noSpecial bool
	c := &cobra.Command{
		Use:   "tokenize MODEL [TEXT]",
		Short: "Print the token ids of a text",
		Long: `Print the token ids of a text, each with its piece. Without a TEXT it is read from standard input, to the last byte.

Control tokens written in the text (<|im_end|>) become their ids, unless --no-special is given.`,
		Example: `  godwit tokenize smollm2:135m "Hello, world"
  godwit tokenize smollm2:135m --json < book.txt`,
		Args: argCount(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := a.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			var text string
			if len(args) == 2 {
				text = args[1]
			} else if text, err = a.read("-"); err != nil {
				return err
			}
			tok, err := m.Tokenizer()
			if err != nil {
				return err
			}
			o := tokenizer.Options{Special: !noSpecial}
			if noBOS {
				o.BOS = tokenizer.BOSNever
			}
			r := tokenizeJSON{Model: args[0], Ids: []int32{}, Pieces: []string{}}
			var lines bytes.Buffer
			err = m.Guard(func() error {
				r.Ids = tok.Encode(r.Ids, text, o)
				for _, id := range r.Ids {
					if piece := tok.Piece(id); a.json {
						r.Pieces = append(r.Pieces, strings.ToValidUTF8(string(piece), "\uFFFD"))
					} else {
						fmt.Fprintf(&lines, "%7d  %q\n", id, piece)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.print(r)
			}
			if _, err := lines.WriteTo(a.out); err != nil {
				return err
			}
			a.note("%d tokens, %d bytes", len(r.Ids), len(text))
			return nil
		},
	}
	c.ValidArgsFunction = completeModel
	c.Flags().BoolVar(&noBOS, "no-bos", false, "do not add the beginning-of-text token")
	c.Flags().BoolVar(&noSpecial, "no-special", false, "treat control tokens written in the text as letters")
	return c
}
