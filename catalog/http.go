package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	connectTimeout = 3 * time.Second  // to a host that does not answer; the next source is waiting
	headerTimeout  = 15 * time.Second // from the request to the first byte of the answer
	tries          = 4                // of one source, when each brought some bytes
)

// stallTimeout is how long a download may stand still. A variable for the tests.
var stallTimeout = 30 * time.Second

func newClient(m Model) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	t.TLSHandshakeTimeout = 2 * connectTimeout
	t.ResponseHeaderTimeout = headerTimeout
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("more than ten redirects")
		}
		// A model hub tells a file's size and hash with the redirect to its storage: another file need not be downloaded to be refused.
		h := req.Response.Header
		if size := h.Get("X-Linked-Size"); size != "" && size != fmt.Sprint(m.Size) {
			return fmt.Errorf("%w: %s bytes, want %d", ErrHash, size, m.Size)
		}
		if tag := strings.Trim(h.Get("X-Linked-Etag"), `"`); len(tag) == len(m.SHA256) && tag != m.SHA256 {
			return fmt.Errorf("%w: SHA-256 %s, want %s", ErrHash, tag, m.SHA256)
		}
		return nil
	}}
}

// download brings the part to its full length from url.
func (s *Store) download(ctx context.Context, m Model, url string, e Events) error {
	client := s.Client
	if client == nil {
		client = newClient(m)
		defer client.CloseIdleConnections()
	}
	f, err := os.OpenFile(s.part(m), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for try := 1; ; try++ {
		before, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if before > m.Size {
			if err := f.Truncate(0); err != nil {
				return err
			}
			continue
		}
		if before == m.Size {
			return f.Sync()
		}
		err = transfer(ctx, client, f, before, m, url, e)
		if err == nil {
			return f.Sync()
		}
		after, seekErr := f.Seek(0, io.SeekEnd)
		if seekErr != nil || after <= before || try == tries || ctx.Err() != nil || diskFull(err) {
			return err
		}
	}
}

// transfer asks for the bytes from offset have on and appends them to f.
func transfer(ctx context.Context, client *http.Client, f *os.File, have int64, m Model, url string, e Events) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "godwit")
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := client.Do(req)
	if err != nil {
		return reason(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK: // the server has no ranges: from the beginning
		if have > 0 {
			if err := f.Truncate(0); err != nil {
				return err
			}
			have = 0
		}
	case http.StatusPartialContent:
		var first, last, total int64
		if n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); n != 3 || first != have {
			return fmt.Errorf("the server answered range %q when asked for byte %d on", resp.Header.Get("Content-Range"), have)
		}
		if total != m.Size {
			return fmt.Errorf("%w: %d bytes, want %d", ErrHash, total, m.Size)
		}
	default:
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if n := resp.ContentLength; n >= 0 && have+n != m.Size {
		return fmt.Errorf("%w: %d bytes, want %d", ErrHash, have+n, m.Size)
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	stalled := fmt.Errorf("nothing came for %v", stallTimeout)
	watch := time.AfterFunc(stallTimeout, func() { cancel(stalled) })
	defer watch.Stop()
	e.progress(have, m.Size)
	// One byte more than there should be tells a file that is too long from one that is right.
	body := &reader{ctx: ctx, r: io.LimitReader(resp.Body, m.Size-have+1), read: func(n int) {
		watch.Reset(stallTimeout)
		have += int64(n)
		e.progress(min(have, m.Size), m.Size)
	}}
	_, err = io.Copy(f, body)
	switch cause := context.Cause(ctx); {
	case err == nil && have < m.Size:
		return fmt.Errorf("the download ended after %d of %d bytes", have, m.Size)
	case err != nil && cause != nil:
		return cause
	}
	return err
}

// reason drops the request from a client's error: the caller names the URL.
func reason(err error) error {
	var wrapped interface{ Unwrap() error }
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrHash):
	case errors.As(err, &dns):
		return fmt.Errorf("host %s is not known here", dns.Name)
	case errors.As(err, &wrapped) && wrapped.Unwrap() != nil:
		return wrapped.Unwrap()
	}
	return err
}
