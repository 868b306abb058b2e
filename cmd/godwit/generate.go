package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/sample"
)

// How a generation ended.
const (
	finishEnd       = "end"       // the model ended its answer, or a stop text came
	finishLength    = "length"    // -n tokens were generated
	finishContext   = "context"   // the context is full
	finishCancelled = "cancelled" // an interrupt
	// "" stands for any other error.
)

// lookup is the flag of drafts.
type lookup struct{ n int }

// defaultLookup is the drafts of a step without --lookup: docs/PERFORMANCE.md has what they gain and cost.
const defaultLookup = 15

func (l *lookup) add(f *pflag.FlagSet) {
	f.IntVar(&l.n, "lookup", defaultLookup, "draft at most `N` tokens a step from repetitions in the text; the answer is the same; 0: off")
}

func (l *lookup) bad() bool { return l.n < 0 || l.n > godwit.MaxLookup }

func (l *lookup) usage() error {
	return usage("--lookup %d is not a number of tokens from 0 to %d", l.n, godwit.MaxLookup)
}

// answer is what a generation gave.
type answer struct {
	ids    []int32
	text   string
	top    [][]sample.LogProb
	finish string
	first  time.Time // when the first token was known
}

// generate continues the session's stream and hands each piece of text to emit. A full context and a cancellation are told
// in the answer's finish and returned as errors; the answer is what there is until then.
func generate(ctx context.Context, s *godwit.Session, g godwit.Generation, emit func(text string) error) (*answer, error) {
	r := &answer{finish: finishLength}
	if g.Top > 0 {
		r.top = [][]sample.LogProb{}
	}
	var text strings.Builder
	for t, err := range s.Generate(ctx, g) {
		if r.first.IsZero() {
			r.first = time.Now()
		}
		if err == nil {
			r.ids = append(r.ids, t.ID)
			if g.Top > 0 {
				r.top = append(r.top, t.Top)
			}
			if t.End {
				r.finish = finishEnd
			}
		}
		text.WriteString(t.Text)
		if t.Text != "" {
			if e := emit(t.Text); e != nil {
				r.text, r.finish = text.String(), ""
				return r, e
			}
		}
		if err != nil {
			r.text = text.String()
			switch {
			case errors.Is(err, godwit.ErrContext):
				r.finish = finishContext
			case ctx.Err() != nil:
				r.finish = finishCancelled
			default:
				r.finish = ""
			}
			return r, err
		}
	}
	r.text = text.String()
	return r, nil
}

// statsJSON is the part of several objects that says what a run took.
type statsJSON struct {
	PromptTokens    int     `json:"prompt_tokens"`
	GeneratedTokens int     `json:"generated_tokens"`
	PrefillTPS      float64 `json:"prefill_tps"`
	DecodeTPS       float64 `json:"decode_tps"`
	DecodeGBps      float64 `json:"decode_gbps"` // weights read
	TTFT            float64 `json:"ttft_ms"`     // from the prompt's beginning to the first token
	PeakRSS         int64   `json:"peak_rss_bytes"`
	Anon            int64   `json:"anon_bytes"`
	KV              int64   `json:"kv_bytes"`
	Spilled         int64   `json:"spill_written_bytes"`
	LogitsHash      string  `json:"logits_hash"`
	Drafted         int     `json:"drafted_tokens"`
	Accepted        int     `json:"accepted_tokens"` // of the drafted ones
}

// statsOf makes the report of an answer whose prompt was begun at start.
func statsOf(st godwit.Stats, prompt int, r *answer, start time.Time) statsJSON {
	s := statsJSON{PromptTokens: prompt, GeneratedTokens: len(r.ids), PrefillTPS: st.PrefillTPS(), DecodeTPS: st.DecodeTPS(),
		DecodeGBps: st.DecodeGBps(), PeakRSS: st.PeakRSS, Anon: st.Anon, KV: st.KVBytes, Spilled: st.SpillWritten, LogitsHash: st.LogitsHash,
		Drafted: st.DraftedTokens, Accepted: st.AcceptedTokens}
	if !r.first.IsZero() {
		s.TTFT = float64(r.first.Sub(start).Microseconds()) / 1e3
	}
	return s
}

// String is the one-line summary.
func (s statsJSON) String() string {
	drafts := ""
	if s.Drafted > 0 {
		drafts = fmt.Sprintf(", %d of %d drafts right", s.Accepted, s.Drafted)
	}
	read := "read before"
	if s.PrefillTPS > 0 {
		read = fmt.Sprintf("at %.0f tok/s", s.PrefillTPS)
	}
	return fmt.Sprintf("%d prompt tokens %s, first token after %.0f ms; %d generated at %.1f tok/s%s, %.1f GB/s; peak %s%s; logits %s",
		s.PromptTokens, read, s.TTFT, s.GeneratedTokens, s.DecodeTPS, drafts, s.DecodeGBps, size(s.PeakRSS), spilled(s.Spilled), s.LogitsHash)
}

// spilled tells of the rows that were written to a session's file.
func spilled(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf(", %s written to the session's file", size(bytes))
}
