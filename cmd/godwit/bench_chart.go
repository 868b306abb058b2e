package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guptarohit/asciigraph"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG
)

// chart is speed against depth, for reading or for generating.
type chart struct {
	title string
	lines []chartLine
}

// chartLine is one plan, or the peer with its types of keys and values.
type chartLine struct {
	name   string
	points []chartPoint // by depth, each of which is there once
}

type chartPoint struct {
	depth float64
	speed spread // tokens per second
}

// charts sorts rows into the charts that they make: one of reading and one of generating, if there are several depths.
func charts(rows []benchRow) (all []chart) {
	for _, gen := range []bool{false, true} {
		var c chart
		at := map[string]int{} // lines by plan and who is measured
		add := func(key, name string, p chartPoint) {
			i, ok := at[key]
			if !ok {
				i = len(c.lines)
				at[key] = i
				c.lines = append(c.lines, chartLine{name: name})
			}
			l := &c.lines[i]
			if !slices.ContainsFunc(l.points, func(o chartPoint) bool { return o.depth == p.depth }) {
				l.points = append(l.points, p)
			}
		}
		for _, r := range rows {
			if gen != (r.Gen > 0) {
				continue
			}
			c.title = fmt.Sprintf("%s: reading %d tokens, %s", printable(r.Model), r.Prompt, threadCount(r.Threads))
			if gen {
				c.title = fmt.Sprintf("%s: generating %d tokens, %s", printable(r.Model), r.Gen, threadCount(r.Threads))
			}
			name, peer := planName(r.Edits), peerName+", "+planName(r.Edits)
			if rows[0].Edits == rows[len(rows)-1].Edits { // one plan, or one compared with itself
				name, peer = "godwit", peerName
			}
			add(r.Edits, name, chartPoint{float64(r.Depth), spread{r.TPSMin, r.TPSMedian, r.TPS}})
			if p := r.Peer; p != nil {
				add(peerName+r.Edits, peer, chartPoint{float64(r.Depth), spread{p.TPSMin, p.TPSMedian, p.TPS}})
			}
		}
		if len(c.lines) == 0 || len(c.lines[0].points) < 2 {
			continue
		}
		for _, l := range c.lines {
			slices.SortFunc(l.points, func(a, b chartPoint) int { return cmp.Compare(a.depth, b.depth) })
		}
		all = append(all, c)
	}
	return all
}

func threadCount(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

// Text charts are chartHeight lines high and at most chartWidth columns wide.
const (
	chartHeight = 12
	chartWidth  = 120
)

// text draws the chart with characters, in lines of at most width.
func (c chart) text(width int) string {
	first := c.lines[0].points
	lo, hi := first[0].depth, first[len(first)-1].depth
	top := 0.0
	for _, l := range c.lines {
		for _, p := range l.points {
			top = max(top, p.speed.median)
		}
	}
	label := func(v float64) string { return fmt.Sprintf("%6s", short(v)) }
	margin := len(label(top)) + 6 // the axis, and half of the last depth under it
	columns := max(20, min(width, chartWidth)-margin)
	var series [][]float64
	var marks []asciigraph.CharSet
	var legend strings.Builder
	for i, l := range c.lines {
		series = append(series, l.sampled(lo, hi, columns))
		mark, set := asciigraph.DefaultCharSet.Horizontal, asciigraph.DefaultCharSet
		if i > 0 {
			mark = chartMarks[(i-1)%len(chartMarks):][:1]
			set = asciigraph.CreateCharSet(mark)
		}
		marks = append(marks, set)
		if len(c.lines) > 1 {
			fmt.Fprintf(&legend, "  %s %s\n", mark, l.name)
		}
	}
	drawn := asciigraph.PlotMany(series, asciigraph.Height(chartHeight), asciigraph.Width(columns), asciigraph.LowerBound(0),
		asciigraph.UpperBound(top), asciigraph.SeriesChars(marks...), asciigraph.YAxisValueFormatter(label),
		asciigraph.XAxisRange(lo, hi), asciigraph.XAxisTickCount(max(2, min(6, columns/12))),
		asciigraph.XAxisValueFormatter(func(v float64) string { return fmt.Sprintf("%.0f", v) }))
	return fmt.Sprintf("%s\ntok/s\n%s\n%*s\n%s", c.title, drawn, margin+columns, "depth: tokens held before", legend.String())
}

// chartMarks draw the lines after the first.
const chartMarks = "*o+x#@%&="

// sampled are the speeds at n depths from lo to hi, on straight lines between the points. [n]
func (l chartLine) sampled(lo, hi float64, n int) []float64 {
	y := make([]float64, n)
	k := 0
	for i := range y {
		x := lo + (hi-lo)*float64(i)/float64(n-1)
		for k+2 < len(l.points) && l.points[k+1].depth < x {
			k++
		}
		a, b := l.points[k], l.points[k+1]
		t := (x - a.depth) / (b.depth - a.depth)
		y[i] = a.speed.median + t*(b.speed.median-a.speed.median)
	}
	return y
}

// plot makes the chart's picture: medians with the spread as error bars.
func (c chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = c.title
	p.X.Label.Text = "depth (tokens held before)"
	p.Y.Label.Text = "speed (tok/s)"
	p.Title.Padding = vg.Points(6)
	p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(6)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = false, true, vg.Points(3) // speed falls with depth: there is room below
	p.Add(plotter.NewGrid())
	for i, l := range c.lines {
		var xy plotter.XYs
		var errs plotter.YErrors
		for _, pt := range l.points {
			xy = append(xy, plotter.XY{X: pt.depth, Y: pt.speed.median})
			errs = append(errs, struct{ Low, High float64 }{pt.speed.median - pt.speed.min, pt.speed.max - pt.speed.median})
		}
		line, dots, err := plotter.NewLinePoints(xy)
		if err != nil {
			return nil, err
		}
		bars, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{xy, errs})
		if err != nil {
			return nil, err
		}
		line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.5), plotutil.Dashes(i)
		dots.Color, dots.Shape = plotutil.Color(i), plotutil.Shape(i)
		bars.Color = plotutil.Color(i)
		p.Add(line, dots, bars)
		p.Legend.Add(l.name, line, dots)
	}
	p.Y.Min = 0
	p.Y.Max = math.Max(p.Y.Max*1.05, 1e-3)
	return p, nil
}

// writeCharts writes the charts, one below the other, as SVG or PNG.
func writeCharts(path string, all []chart) error {
	var plots []*plot.Plot
	for _, c := range all {
		p, err := c.plot()
		if err != nil {
			return fmt.Errorf("the chart: %w", err)
		}
		plots = append(plots, p)
	}
	return writePlots(path, plots)
}

// writePlots writes pictures, one below the other, as SVG or PNG.
func writePlots(path string, plots []*plot.Plot) error {
	var b bytes.Buffer
	if err := drawPlots(&b, chartFormat(path), plots); err != nil {
		return err
	}
	return replaceFile(path, &b)
}

// drawPlots draws pictures, one below the other, in a format: svg or png.
func drawPlots(w io.Writer, format string, plots []*plot.Plot) error {
	const width, height = 18 * vg.Centimeter, 11 * vg.Centimeter
	canvas, err := draw.NewFormattedCanvas(width, height*vg.Length(len(plots)), format)
	if err != nil {
		return fmt.Errorf("the chart: %w", err)
	}
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(16), PadY: vg.Points(16)}
	area := draw.New(canvas)
	for i, p := range plots {
		p.Draw(tiles.At(area, 0, i))
	}
	_, err = canvas.WriteTo(w)
	return err
}

// replaceFile writes a file beside its place and then moves it there, so that what was there stays when that fails.
func replaceFile(path string, content io.WriterTo) error {
	part := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.part", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = content.WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
	}
	return err
}

// chartFormat is the kind of picture that a file's name asks for.
func chartFormat(path string) string {
	return strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
}
