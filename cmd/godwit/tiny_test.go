package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// The tiny model's special tokens; the 256 bytes and three merges follow.
const (
	tinyEnd      = testmodel.TinyEnd
	tinyTurnEnds = testmodel.TinyTurnEnds
	tinyVocab    = testmodel.TinyVocab
	tinyContext  = testmodel.TinyContext
)

// tiny writes a model of two layers with random weights.
func tiny(t *testing.T, meta ...any) string { return testmodel.Tiny(t, meta...) }

// result is what one command line gave.
type result struct {
	code     int
	out, err string
}

// userCache is the cache folder that the user has set, which tests must leave alone: some of them delete models.
var userCache = os.Getenv("GODWIT_CACHE")

// godwitWith runs one command line in this process, with the cache folder that the test has set or else one of its own.
func godwitWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	if os.Getenv("GODWIT_CACHE") == userCache {
		t.Setenv("GODWIT_CACHE", t.TempDir())
	}
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(stdin), out: &out, err: &errs}
	code := a.main(context.Background(), args)
	return result{code, out.String(), errs.String()}
}

// must runs a command line that succeeds.
func must(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	r := godwitWith(t, stdin, args...)
	if r.code != 0 {
		t.Fatalf("godwit %s: exit %d, %s", strings.Join(args, " "), r.code, r.err)
	}
	return r
}

// text writes a file of a test.
func text(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
