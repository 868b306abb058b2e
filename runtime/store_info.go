package runtime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/seq"
)

// SessionInfo is what a session's file says of itself.
type SessionInfo struct {
	Model   string  // the model's fingerprint
	Plan    string  // its attention plan
	Context int     // most tokens
	Tokens  int     // of the stream
	Outline int     // of them, those that opening the file has nothing to compute for, unless their memory is damaged; −1: none
	Lost    int     // tokens that were counted and are damaged
	Size    int64   // of the file; most of it may be a hole
	Disk    int64   // bytes that it takes on the disk; 0 where the system does not tell
	Note    []byte  // what SetNote left. [≤ 8 MiB]
	IDs     []int32 // the stream. [Tokens]
}

// StatSession reads what the session's file at path says of itself. Errors wrap ErrBadSession for what is none, or damaged.
func StatSession(path string) (*SessionInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	defer f.Close()
	i, err := statSession(f)
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", path, err)
	}
	return i, nil
}

func statSession(f *os.File) (*SessionInfo, error) {
	var h imageHead
	im := seq.ImageFrom(bufio.NewReader(io.NewSectionReader(f, 0, storeHead)))
	if h.image(im); im.Err() != nil {
		return nil, im.Err()
	}
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionFile, err)
	}
	t := &store{id: h.id, file: f, lay: layStore(h.context, 0)}
	if st.Size() < t.lay.size {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrBadSession, st.Size())
	}
	tokens, _, lost, err := t.readTokens(h.context)
	if err != nil {
		return nil, err
	}
	i := &SessionInfo{Model: h.model, Plan: h.plan, Context: h.context, Tokens: len(tokens), Outline: -1, Lost: lost, Size: st.Size(),
		Disk: mmap.OnDisk(st), Note: t.readNote(), IDs: tokens}
	for _, o := range t.outlines(tokens, h.context) {
		i.Outline = max(i.Outline, o.tokens)
	}
	return i, nil
}

// CopySession makes the session in the file at from another one, in a file at to, where nothing may be: a fork, from which both go on by themselves. Where the file
// system can share blocks between files (Linux with Btrfs or XFS) it takes no time and no room, elsewhere that of copying what is no hole. The session must not be open.
func CopySession(from, to string) error {
	if err := copySession(from, to); err != nil {
		return fmt.Errorf("fork session %s: %w", from, err)
	}
	return nil
}

func copySession(from, to string) error {
	src, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := lockStore(src); err != nil {
		return err
	}
	if _, err := statSession(src); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, os.ErrExist)
	}
	dst, err := newFile(to)
	if err != nil {
		return err
	}
	if err = mmap.CopySparse(dst, src); err == nil {
		err = reveal(dst.Name(), to)
	}
	if err != nil {
		os.Remove(dst.Name())
		err = fmt.Errorf("%w: %w", ErrSessionFile, err)
	}
	return errors.Join(err, dst.Close())
}
