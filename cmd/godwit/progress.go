package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows progress on the error stream when that is a terminal, and only for work longer than a moment.
type bar struct {
	a     *app
	label string
	bytes bool
	unit  string // of what is counted, when it is not bytes
	since time.Time
	pb    *progressbar.ProgressBar
}

// barDelay is how long work must have gone on before a bar appears.
const barDelay = 300 * time.Millisecond

func (a *app) bar(label string, bytes bool) *bar {
	return &bar{a: a, label: label, bytes: bytes, unit: "tok", since: time.Now()}
}

func (b *bar) set(done, total int64) {
	if b.a.quiet {
		return
	}
	width, ok := terminal(b.a.err)
	if !ok {
		return
	}
	if b.pb == nil {
		if time.Since(b.since) < barDelay {
			return
		}
		b.pb = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(b.a.err),
			progressbar.OptionSetDescription(b.label),
			progressbar.OptionShowBytes(b.bytes),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(b.unit),
			progressbar.OptionThrottle(65*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(min(40, width/3)))
	}
	b.pb.ChangeMax64(total)
	b.pb.Set64(done)
}

// show shows the bar at once, for work that tells nothing on its way.
func (b *bar) show(total int) {
	b.since = time.Time{}
	b.set(0, int64(total))
}

// tokens is set for the engine's progress.
func (b *bar) tokens(done, total int) { b.set(int64(done), int64(total)) }

// done removes the bar.
func (b *bar) done() {
	if b.pb != nil {
		b.pb.Clear()
		b.pb = nil
	}
}
