package main

import (
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chartRows are rows of two plans and a peer at three depths, out of order.
func chartRows() (rows []benchRow) {
	for _, depth := range []int{4000, 0, 1000} {
		for i, edits := range []string{"kv=f16", ""} {
			tps := 90.0/(1+float64(depth)/2000) + 5*float64(i)
			rows = append(rows, benchRow{Model: "m\x1b", Gen: 64, Depth: depth, TPS: 1.1 * tps, TPSMedian: tps, TPSMin: tps / 2, Reps: 3, Threads: 2, Edits: edits,
				Peer: &benchPeer{TPS: tps / 2, TPSMedian: tps / 2, TPSMin: tps / 2}})
		}
	}
	return rows
}

// TestChartText: the drawing keeps to its width and names axes, units, depths and lines.
func TestChartText(t *testing.T) {
	all := charts(chartRows())
	if len(all) != 1 || len(all[0].lines) != 4 {
		t.Fatalf("%d charts", len(all))
	}
	for _, width := range []int{20, 40, 80, 200} {
		text := all[0].text(width)
		for _, l := range strings.Split(text, "\n")[1:] { // the title may be longer
			if n := len([]rune(l)); n > max(40, min(width, chartWidth)) {
				t.Errorf("width %d: a line of %d: %s", width, n, l)
			}
		}
		for _, want := range []string{"generating 64 tokens, 2 threads", "tok/s\n", "depth: tokens held before", " 4000", "─ kv=f16\n", "* llama.cpp, kv=f16\n",
			"o the model's own plan\n", "+ llama.cpp, the model's own plan\n", "95.0", "0.00"} {
			if !strings.Contains(text, want) {
				t.Errorf("width %d: %q is not in\n%s", width, want, text)
			}
		}
		if controls(text) {
			t.Errorf("control characters in %q", text)
		}
	}
}

// TestChartSampled: lines are straight between the points, wherever these are.
func TestChartSampled(t *testing.T) {
	l := chartLine{points: []chartPoint{{0, spread{median: 10}}, {1, spread{median: 20}}, {10, spread{median: 2}}}}
	for i, y := range l.sampled(0, 10, 21) {
		x := float64(i) / 2
		if want := min(10+10*x, 20-2*(x-1)); math.Abs(y-want) > 1e-9 {
			t.Errorf("at %g: %g, want %g", x, y, want)
		}
	}
}

// TestCharts: one chart of each kind, and none of a single depth.
func TestCharts(t *testing.T) {
	rows := []benchRow{{Prompt: 8, TPSMedian: 1}, {Gen: 4, TPSMedian: 1}, {Prompt: 8, Depth: 9, TPSMedian: 1}, {Gen: 4, Depth: 9, TPSMedian: 1}}
	if all := charts(rows); len(all) != 2 || !strings.Contains(all[0].title, "reading 8") || !strings.Contains(all[1].title, "generating 4") {
		t.Errorf("%+v", all)
	}
	if all := charts(rows[:2]); len(all) != 0 {
		t.Errorf("of one depth: %+v", all)
	}
	rows[2].Depth = 0 // the same depth twice
	if all := charts(rows[:3]); len(all) != 0 {
		t.Errorf("of one depth twice: %+v", all)
	}
}

// TestChartFile: the pictures are whole, and the text in SVG is readable by programs.
func TestChartFile(t *testing.T) {
	dir := t.TempDir()
	args := []string{"bench", tiny(t), "-p", "4", "-n", "2", "-d", "0,8,16", "--plans", "kv=f16|kv=q8_0", "-r", "2", "--no-limits", "--chart"}
	r := must(t, "", append(args, dir+"/speed.svg")...)
	if n := strings.Count(r.out, "depth: tokens held before"); n != 2 {
		t.Errorf("%d charts in\n%s", n, r.out)
	}
	data, err := os.ReadFile(dir + "/speed.svg")
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(string(data)))
	var text strings.Builder
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := tok.(xml.CharData); ok {
			text.Write(c)
		}
	}
	for _, want := range []string{"depth (tokens held before)", "speed (tok/s)", "reading 4 tokens", "generating 2 tokens", "kv=f16", "kv=q8_0"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if out := must(t, "", append(args, dir+"/speed.PNG", "--json")...).out; strings.Count(out, "\n") != 1 {
		t.Errorf("--json printed %s", out)
	}
	f, err := os.Open(dir + "/speed.PNG")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if im, err := png.Decode(f); err != nil || im.Bounds().Dx() < 500 || im.Bounds().Dy() < 500 {
		t.Errorf("%v, %v", im.Bounds(), err)
	}
	// What cannot be written leaves nothing behind.
	if err := os.Mkdir(dir+"/x.svg", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeCharts(dir+"/x.svg", charts(chartRows())); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := filepath.Glob(dir + "/.*part"); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// TestChartNames: of one plan, lines are called by who is measured.
func TestChartNames(t *testing.T) {
	rows := chartRows()
	for i := range rows {
		rows[i].Edits, rows[i].Threads = "kv=f32", 1
	}
	c := charts(rows)[0]
	if len(c.lines) != 2 || c.lines[0].name != "godwit" || c.lines[1].name != peerName || !strings.HasSuffix(c.title, ", 1 thread") {
		t.Errorf("%+v", c)
	}
}
