package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
)

// benchRow is one line of `bench`: Prompt tokens read or Gen tokens generated, with Depth tokens held already.
type benchRow struct {
	Model   string  `json:"model"`
	Prompt  int     `json:"prompt"`
	Gen     int     `json:"gen"`
	Depth   int     `json:"depth"`
	TPS     float64 `json:"tps"`
	GBps    float64 `json:"gbps"` // weights read, of generation
	Threads int     `json:"threads"`
	Plan    string  `json:"plan"`
	Hash    string  `json:"logits_hash"`
}

func (a *app) benchCommand() *cobra.Command {
	var prompt, gen, repeat int
	var depths []int
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Measure tokens per second of reading and of generating",
		Long: `Measure tokens per second of reading a prompt and of generating, after each of the depths (tokens held already). Each is run
--repeat times, and the fastest run counts. The tokens have no meaning: no step depends on what they are.`,
		Example: `  godwit bench smollm2:135m -p 512 -n 128
  godwit bench smollm2:135m -p 512 -n 64 -d 0,4096,7000 --json`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, n := range append([]int{prompt, gen}, depths...) {
				if n < 0 {
					return usage("%d is not a number of tokens", n)
				}
			}
			if need := slices.Max(append(depths, 0)) + max(prompt, gen); a.ctx > 0 && a.ctx < need {
				return usage("--ctx %d does not hold the %d tokens of the greatest depth and what is measured after it", a.ctx, need)
			}
			if repeat < 1 {
				return usage("--repeat %d is not a number of runs from 1 on", repeat)
			}
			if prompt+gen == 0 {
				return usage("-p 0 -n 0 leaves nothing to measure")
			}
			m, err := a.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			rows := []benchRow{}
			for _, d := range depths {
				r, err := a.bench(cmd.Context(), m, prompt, gen, d, repeat)
				if err != nil {
					return err
				}
				for i := range r {
					r[i].Model = args[0]
					if !a.json {
						err = a.printf("prompt %5d  gen %4d  depth %6d  %9.1f tok/s  %6.2f ms/tok  %5.1f GB/s  logits %s\n",
							r[i].Prompt, r[i].Gen, r[i].Depth, r[i].TPS, 1e3/r[i].TPS, r[i].GBps, r[i].Hash)
						if err != nil {
							return err
						}
					}
				}
				rows = append(rows, r...)
			}
			if a.json {
				return a.print(map[string]any{"rows": rows})
			}
			return nil
		},
	}
	f := c.Flags()
	f.IntVarP(&prompt, "prompt", "p", 512, "read a prompt of `N` tokens; 0: none")
	f.IntVarP(&gen, "gen", "n", 128, "generate `N` tokens; 0: none")
	f.IntSliceVarP(&depths, "depths", "d", []int{0}, "a `LIST` of numbers of tokens held before")
	f.IntVarP(&repeat, "repeat", "r", 3, "measure `N` times; the fastest counts")
	a.modelFlags(c)
	f.Lookup("ctx").Usage = "hold at most `N` tokens; 0: as many as are measured"
	return c
}

// bench measures on tokens of no meaning: no step depends on what they are.
func (a *app) bench(ctx context.Context, m *godwit.Model, prompt, gen, depth, repeat int) ([]benchRow, error) {
	o := a.sessionOptions()
	if o.Context == 0 {
		o.Context = depth + max(prompt, gen)
	}
	s, err := m.NewSession(o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	tokens := make([]int32, max(depth, prompt, gen))
	for i := range tokens {
		tokens[i] = int32((i*7919 + 11) % m.Info().Vocab)
	}
	fill := func() error { // which computes again what a ring no longer holds
		b := a.bar("filling the cache", false)
		defer b.done()
		if s.Len() == 0 {
			return s.Feed(ctx, tokens[:depth], b.tokens)
		}
		return s.Rewind(ctx, depth, b.tokens)
	}
	measure := func(n int, step func() error) (best benchRow, err error) {
		for range repeat {
			if err := fill(); err != nil {
				return best, err
			}
			start := time.Now()
			if err := step(); err != nil {
				return best, err
			}
			tps := float64(n) / time.Since(start).Seconds()
			if tps > best.TPS {
				st := s.Stats()
				best = benchRow{Depth: depth, TPS: tps, Threads: m.Threads(), Plan: m.Plan(), Hash: st.LogitsHash,
					GBps: tps * float64(st.WeightBytes) / 1e9}
			}
		}
		return best, nil
	}
	var rows []benchRow
	if prompt > 0 {
		r, err := measure(prompt, func() error { return s.Feed(ctx, tokens[:prompt], nil) })
		if err != nil {
			return nil, err
		}
		r.Prompt, r.GBps = prompt, 0
		rows = append(rows, r)
	}
	if gen > 0 {
		r, err := measure(gen, func() error {
			for i := range gen {
				if err := s.Feed(ctx, tokens[i:i+1], nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		r.Gen = gen
		rows = append(rows, r)
	}
	return rows, nil
}
