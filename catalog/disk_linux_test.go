package catalog

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestDiskFull: a full disk is said at once; other sources would not help.
func TestDiskFull(t *testing.T) {
	srv := serve(t, whole(content))
	s, m := store(t), model(Source{URL: srv.URL}, Source{URL: srv.URL})
	if err := errors.Join(os.MkdirAll(s.Dir, 0o755), os.Symlink("/dev/full", s.part(m))); err != nil {
		t.Fatal(err)
	}
	_, err := s.Pull(context.Background(), m, Events{})
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), s.Dir) || len(srv.ranges) != 1 {
		t.Errorf("err = %v after %d requests", err, len(srv.ranges))
	}
}
