package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/catalog"
)

// TestPullTells: a source that cannot be reached is no news when another is tried; one with another file is, --quiet or not.
func TestPullTells(t *testing.T) {
	src := catalog.Source{URL: "https://models.invalid/m.gguf"}
	for _, quiet := range []bool{false, true} {
		var errs bytes.Buffer
		a := &app{out: &bytes.Buffer{}, err: &errs, quiet: quiet}
		e := a.pullEvents(a.bar("m", true))
		e.Failed(catalog.Attempt{Source: src, Err: errors.New("host models.invalid is not known here")})
		if errs.Len() > 0 {
			t.Errorf("quiet %v: %q", quiet, errs.String())
		}
		e.Failed(catalog.Attempt{Source: src, Err: fmt.Errorf("%w: 5 bytes, want 6", catalog.ErrHash)})
		if got := errs.String(); !strings.HasPrefix(got, "godwit: warning: "+src.URL) || !strings.Contains(got, "5 bytes, want 6") {
			t.Errorf("quiet %v: %q", quiet, got)
		}
	}
}
