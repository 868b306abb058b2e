package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-ai/godwit/eval"
)

// planReport is the object of `eval plans`.
type planReport struct {
	Model     string    `json:"model"`
	Rows      []planRow `json:"rows"`
	Books     []string  `json:"books"`
	Windows   int       `json:"windows"`
	Score     int       `json:"score"`
	Documents int       `json:"documents"`
	Seed      uint64    `json:"seed"`
	Chat      bool      `json:"chat"`
	Exact     bool      `json:"exact"`
	Threads   int       `json:"threads"`
	ThreadsBy string    `json:"threads_by"`
	Machine   string    `json:"machine"`
	Took      float64   `json:"took_s"`
}

// planRow is one plan at one length.
type planRow struct {
	Ctx      int          `json:"ctx"`
	Edits    string       `json:"edits"`
	Plan     string       `json:"plan"`
	KV       int64        `json:"kv_bytes"`
	PerToken float64      `json:"kv_bytes_per_token"`
	KVPart   float64      `json:"kv_percent"`
	Anon     int64        `json:"anon_peak_bytes"`
	PPL      float64      `json:"ppl"`
	NLL      float64      `json:"nll"`
	Loss     float64      `json:"loss_percent"`
	LossSE   float64      `json:"loss_se_percent"`
	KL       float64      `json:"kl"`
	KLSE     float64      `json:"kl_se"`
	SameTop  float64      `json:"same_top_percent"`
	Prefill  float64      `json:"prefill_tps"`
	Decode   float64      `json:"decode_tps"`
	Tasks    []planTask   `json:"tasks"`
	Windows  []planWindow `json:"windows"`
}

// planTask is one kind of question.
type planTask struct {
	Task      string      `json:"task"`
	Questions int         `json:"questions"`
	Exact     float64     `json:"exact_percent"`
	Part      float64     `json:"part_percent"`
	LogProb   float64     `json:"logprob"`
	Depths    []planDepth `json:"depths"`
}

// planDepth is the part of the questions whose answers stand about there.
type planDepth struct {
	Depth     float64 `json:"depth_percent"`
	Questions int     `json:"questions"`
	Exact     float64 `json:"exact_percent"`
	LogProb   float64 `json:"logprob"`
}

// planWindow is the end of one context.
type planWindow struct {
	Book    string  `json:"book"`
	First   int     `json:"first"`
	NLL     float64 `json:"nll"`
	KL      float64 `json:"kl"`
	SameTop float64 `json:"same_top_percent"`
}

// fill takes over what was measured.
func (p *planReport) fill(o *evalPlans, rows []eval.PlanResult, took time.Duration) {
	p.Score, p.Documents, p.Seed, p.Chat, p.Took = o.Score, o.Documents, o.Seed, o.Chat, took.Seconds()
	for _, b := range o.Books {
		p.Books = append(p.Books, b.Name)
	}
	p.Windows = len(rows[0].Windows)
	var own *eval.PlanResult
	for i := range rows {
		r := &rows[i]
		if own == nil || own.Context != r.Context {
			own = r
		}
		row := planRow{Ctx: r.Context, Edits: r.Edits, Plan: r.Plan, KV: r.KVBytes, PerToken: r.PerToken(), KVPart: 100 * float64(r.KVBytes) / float64(own.KVBytes),
			Anon: r.Anon, PPL: r.PPL(), NLL: r.NLL, Loss: r.Loss, LossSE: r.LossSE, KL: r.KL, KLSE: r.KLSE, SameTop: r.SameTop, Prefill: r.PrefillTPS,
			Decode: r.DecodeTPS}
		for _, t := range r.Tasks {
			task := planTask{Task: string(t.Task), Questions: t.Questions, Exact: t.Exact, Part: t.Part, LogProb: t.LogProb}
			for _, d := range t.Depths {
				task.Depths = append(task.Depths, planDepth(d))
			}
			row.Tasks = append(row.Tasks, task)
		}
		for _, w := range r.Windows {
			row.Windows = append(row.Windows, planWindow(w))
		}
		p.Rows = append(p.Rows, row)
	}
}

// finite refuses what JSON has no number for.
func (p *planReport) finite() error {
	for _, r := range p.Rows {
		for _, x := range []float64{r.PPL, r.Loss, r.LossSE, r.KL, r.KLSE} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("plan %q at %d tokens: the perplexity is %v: the model's scores are no numbers, or give a token of the text no probability", r.Edits, r.Ctx, r.PPL)
			}
		}
	}
	return nil
}

// length is the rows of one context length; the model's own plan is the first.
type planLength struct {
	Ctx  int
	Rows []planRow
}

func (p *planReport) lengths() (all []planLength) {
	for _, r := range p.Rows {
		if n := len(all); n == 0 || all[n-1].Ctx != r.Ctx {
			all = append(all, planLength{Ctx: r.Ctx})
		}
		l := &all[len(all)-1]
		l.Rows = append(l.Rows, r)
	}
	return all
}

// planHeader names the columns of cells.
var planHeader = []string{"plan", "KV", "B/token", "of own", "perplexity", "loss", "KL", "same top", "needle", "passkey", "pairs", "read", "decode", "memory"}

// cells are a row of the table.
func (r *planRow) cells() []string {
	c := []string{planName(r.Edits), size(r.KV), fmt.Sprintf("%.0f", r.PerToken), fmt.Sprintf("%.1f%%", r.KVPart), fmt.Sprintf("%.3f", r.PPL),
		fmt.Sprintf("%+.3f%% ± %.3f", r.Loss, r.LossSE), fmt.Sprintf("%.5f", r.KL), fmt.Sprintf("%.2f%%", r.SameTop)}
	for _, t := range r.Tasks {
		c = append(c, t.text())
	}
	return append(c, short(r.Prefill)+" tok/s", short(r.Decode)+" tok/s", size(r.Anon))
}

// text tells how many were found, and the mean log-probability, which tells more where few or all are.
func (t *planTask) text() string { return fmt.Sprintf("%.0f%% (%.2f)", t.Exact, t.LogProb) }

// about says what was measured.
func (p *planReport) about() string {
	return fmt.Sprintf("%d windows, the last %d tokens of each scored; %d documents; loss: perplexity against the model's own plan, ± its standard error over the windows; "+
		"needle, passkey, pairs: answers found, in brackets the mean log-probability of their tokens. Books: %s. Seed %d. %s, %s. It took %s s.",
		p.Windows, p.Score, p.Documents, strings.Join(p.Books, ", "), p.Seed, threadCount(p.Threads), printable(p.Machine), short(p.Took))
}

// text is a table for the terminal.
func (p *planReport) text() string {
	var b strings.Builder
	for i, l := range p.lengths() {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s at %d tokens\n", printable(p.Model), l.Ctx)
		table := [][]string{planHeader}
		for j := range l.Rows {
			table = append(table, l.Rows[j].cells())
		}
		b.WriteString(aligned(table))
	}
	b.WriteString("\n" + p.about() + "\n")
	return b.String()
}

// aligned prints rows in columns: the first to the left, the others to the right.
func aligned(table [][]string) string {
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range table {
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i == 0 {
				b.WriteString(c + pad)
			} else {
				b.WriteString("  " + pad + c)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// markdown is the table for a document.
func (p *planReport) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Attention plans of %s\n\n%s\n", cell(p.Model), cell(p.about()))
	for _, l := range p.lengths() {
		fmt.Fprintf(&b, "\n## %d tokens\n| %s |\n|---%s|\n", l.Ctx, strings.Join(planHeader, " | "), strings.Repeat("|---:", len(planHeader)-1))
		for i := range l.Rows {
			cells := l.Rows[i].cells()
			for j := range cells {
				cells[j] = cell(cells[j])
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
		for k, t := range l.Rows[0].Tasks {
			fmt.Fprintf(&b, "\n%s found, by depth:\n\n| plan |", t.Task)
			for _, d := range t.Depths {
				fmt.Fprintf(&b, " %.0f%% |", d.Depth)
			}
			fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---:|", len(t.Depths)))
			for i := range l.Rows {
				fmt.Fprintf(&b, "| %s |", cell(planName(l.Rows[i].Edits)))
				for _, d := range l.Rows[i].Tasks[k].Depths {
					fmt.Fprintf(&b, " %.0f%% |", d.Exact)
				}
				b.WriteString("\n")
			}
		}
	}
	b.WriteString("\nThe plans in full:\n\n")
	for _, l := range p.lengths() {
		for _, r := range l.Rows {
			fmt.Fprintf(&b, "- %s, %d tokens: `%s`\n", cell(planName(r.Edits)), l.Ctx, r.Plan)
		}
	}
	return b.String()
}

// cell is a text that means nothing to Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`).Replace(text)
}

// write writes the report to a folder.
func (p *planReport) write(dir string) error {
	data, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	page, err := p.page()
	if err != nil {
		return err
	}
	plots, err := p.plots()
	if err != nil {
		return err
	}
	for _, format := range []string{"svg", "png"} {
		err = errors.Join(err, writePlots(filepath.Join(dir, "plans."+format), plots))
	}
	for name, content := range map[string]io.WriterTo{
		"plans.json": bytes.NewBuffer(append(data, '\n')), "plans.md": strings.NewReader(p.markdown()), "plans.html": bytes.NewReader(page),
	} {
		err = errors.Join(err, replaceFile(filepath.Join(dir, name), content))
	}
	return err
}
