package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// plots are, for each length, bytes against loss, and bytes against answers found.
func (p *planReport) plots() (all []*plot.Plot, err error) {
	for _, l := range p.lengths() {
		loss, err := l.plot(fmt.Sprintf("%s, %d tokens: loss", printable(p.Model), l.Ctx), "perplexity against the own plan (%)",
			func(r *planRow) (y, low, high float64) { return r.Loss, r.LossSE, r.LossSE })
		if err != nil {
			return nil, fmt.Errorf("the chart: %w", err)
		}
		found, err := l.plot(fmt.Sprintf("%s, %d tokens: answers found", printable(p.Model), l.Ctx), "needles, pass keys and pairs found (%)",
			func(r *planRow) (y, low, high float64) {
				for _, t := range r.Tasks {
					y += t.Exact / float64(len(r.Tasks))
				}
				return y, 0, 0
			})
		if err != nil {
			return nil, fmt.Errorf("the chart: %w", err)
		}
		found.Y.Min, found.Y.Max = 0, 105
		found.Legend.Top = false // there the least is found
		all = append(all, loss, found)
	}
	return all, nil
}

// plot makes a picture of bytes per token against a figure with its error.
func (l *planLength) plot(title, label string, y func(r *planRow) (y, low, high float64)) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "keys and values (bytes per token)", label
	p.Title.Padding, p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(6), vg.Points(6)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3) // what keeps the most loses the least
	p.Add(plotter.NewGrid())
	for i := range l.Rows {
		r := &l.Rows[i]
		v, low, high := y(r)
		at := plotter.XYs{{X: r.PerToken, Y: v}}
		dots, err := plotter.NewScatter(at)
		if err != nil {
			return nil, err
		}
		bars, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{at, plotter.YErrors{{Low: low, High: high}}})
		if err != nil {
			return nil, err
		}
		dots.Color, dots.Shape, dots.Radius = plotutil.Color(i), plotutil.Shape(i), vg.Points(4)
		bars.Color = plotutil.Color(i)
		p.Add(bars, dots)
		p.Legend.Add(elided(planName(r.Edits), legendRunes), dots)
	}
	p.X.Min = 0
	p.X.Max *= 1.05
	return p, nil
}

// legendRunes is as much of a plan as stands beside the points.
const legendRunes = 36

// elided cuts a text in the middle.
func elided(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most/2]) + "…" + string(r[len(r)-most/2+1:])
}

//go:embed eval_page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"name": planName}).Parse(pageSource))

// page is the report as HTML, with its charts in it.
func (p *planReport) page() ([]byte, error) {
	plots, err := p.plots()
	if err != nil {
		return nil, err
	}
	type part struct {
		planLength
		Cells  [][]string
		Charts []template.HTML
	}
	data := struct {
		Title, About string
		Header       []string
		Parts        []part
	}{Title: "Attention plans of " + printable(p.Model), About: p.about(), Header: planHeader}
	for i, l := range p.lengths() {
		h := part{planLength: l}
		for j := range l.Rows {
			h.Cells = append(h.Cells, l.Rows[j].cells())
		}
		for _, pl := range plots[2*i : 2*i+2] {
			var b bytes.Buffer
			if err := drawPlots(&b, "svg", []*plot.Plot{pl}); err != nil {
				return nil, err
			}
			svg := b.Bytes()
			if at := bytes.Index(svg, []byte("<svg")); at > 0 { // without the head of a file
				svg = svg[at:]
			}
			h.Charts = append(h.Charts, template.HTML(svg))
		}
		data.Parts = append(data.Parts, h)
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, data)
	return b.Bytes(), err
}
