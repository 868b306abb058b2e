// Package testmodel gives tests the real models of the catalogue, and a tiny one.
package testmodel

import (
	"context"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/catalog"
)

// Path returns the file of a catalogue's model, which is fetched into the user's cache the first time; the catalogue's
// lock lets the test processes of several packages ask at once. With -short nothing is fetched: a model that is not in
// the cache skips the test.
func Path(t testing.TB, name string) string {
	t.Helper()
	m, ok := catalog.Find(name)
	if !ok {
		t.Fatalf("the catalogue has no model %q", name)
	}
	store, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() && !store.Has(m) {
		t.Skipf("%s is not in the cache, and -short stays off the network: `go test ./...` fetches it", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	path, err := store.Pull(ctx, m, catalog.Events{Note: func(text string) { t.Log(text) },
		Failed: func(a catalog.Attempt) { t.Logf("%s: %v", a.Source, a.Err) }})
	if err != nil {
		t.Fatal(err)
	}
	return path
}
