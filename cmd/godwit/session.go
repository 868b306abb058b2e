package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
)

// sessionExt is how the names of sessions' files end.
const sessionExt = ".godwit"

// sessionNote is what the command line leaves in a session's file.
type sessionNote struct {
	Model  string           `json:"model"` // as it was named, a file with its whole path
	System string           `json:"system,omitempty"`
	Turns  []godwit.Message `json:"turns"`
	Answer *pendingAnswer   `json:"answer,omitempty"` // to the last turn
}

// pendingAnswer is an answer that has begun.
type pendingAnswer struct {
	From     int             `json:"from"` // tokens of the prompt
	Max      int             `json:"max"`
	Stop     []string        `json:"stop,omitempty"`
	Sampling godwit.Sampling `json:"sampling"`
	Banned   []int32         `json:"banned,omitempty"` // tokens with a bias of −∞, which JSON has no number for
}

// pending is an answer to a prompt of so many tokens.
func pending(prompt int, g godwit.Generation) *pendingAnswer {
	p := &pendingAnswer{From: prompt, Max: g.Max, Stop: g.Stop, Sampling: g.Sampling}
	p.Sampling.LogitBias = map[int32]float32{}
	for id, bias := range g.Sampling.LogitBias {
		if math.IsInf(float64(bias), -1) {
			p.Banned = append(p.Banned, id)
		} else {
			p.Sampling.LogitBias[id] = bias
		}
	}
	return p
}

// rest is what makes the rest of the answer, behind which state the sampler had.
func (p *pendingAnswer) rest(state []byte, lookup int) godwit.Generation {
	g := godwit.Generation{Sampling: p.Sampling, Max: p.Max, Stop: p.Stop, Lookup: lookup, Resume: &godwit.Resume{From: p.From, State: state}}
	g.Sampling.LogitBias = maps.Clone(p.Sampling.LogitBias)
	for _, id := range p.Banned {
		if g.Sampling.LogitBias == nil {
			g.Sampling.LogitBias = map[int32]float32{}
		}
		g.Sampling.LogitBias[id] = float32(math.Inf(-1))
	}
	return g
}

// sessionFolder is where sessions with names are.
func sessionFolder() (string, error) {
	if dir := os.Getenv("GODWIT_SESSIONS"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "godwit", "sessions"), nil
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "godwit", "sessions"), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share", "godwit", "sessions"), err
}

// sessionPath is the file of a session: name is one, or a path, which has a separator or ends like a session's file.
func sessionPath(name string) (string, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, sessionExt) {
		return name, nil
	}
	dir, err := sessionFolder()
	if err != nil {
		return "", fmt.Errorf("sessions: %w", err)
	}
	return filepath.Join(dir, name+sessionExt), nil
}

// keptSession is the session of --session, or one in memory.
type keptSession struct {
	*godwit.Session
	name  string // "": it is in memory
	found *godwit.Reopened
	note  sessionNote
}

// sessionModel is the model of a session that has one, unless one is named.
func sessionModel(name, model string) (string, error) {
	if name == "" || model != "" {
		return model, nil
	}
	path, err := sessionPath(name)
	if err != nil {
		return "", err
	}
	info, err := godwit.StatSession(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var n sessionNote
	if len(info.Note) == 0 || json.Unmarshal(info.Note, &n) != nil {
		return "", nil
	}
	return n.Model, nil
}

// keep opens the session of --session, or makes one in memory, and says what was found.
func (a *app) keep(ctx context.Context, m *godwit.Model, name, model string, o godwit.SessionOptions) (*keptSession, error) {
	if name == "" {
		s, err := m.NewSession(o)
		return &keptSession{Session: s, found: &godwit.Reopened{New: true}}, err
	}
	path, err := sessionPath(name)
	if err != nil {
		return nil, err
	}
	if path != name {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("sessions: %w", err)
		}
	}
	start := time.Now()
	b := a.bar("reading again", false)
	s, found, err := m.OpenSession(ctx, path, o, b.tokens)
	b.done()
	if err != nil {
		return nil, err
	}
	k := &keptSession{Session: s, name: name, found: found}
	if note := s.Note(); len(note) > 0 {
		if err := json.Unmarshal(note, &k.note); err != nil {
			return nil, errors.Join(fmt.Errorf("session %s: its note is not this program's: %w", name, err), s.Close())
		}
	}
	if isFile(model) {
		if abs, err := filepath.Abs(model); err == nil {
			model = abs
		}
	}
	k.note.Model = model
	if !found.New {
		why := ""
		if found.Recomputed > 0 || found.Lost > 0 {
			why = fmt.Sprintf(": %s", found.Why)
		}
		a.note("session %s: %d messages, %d tokens reused, %d computed again, in %.0f ms%s", name, len(k.note.Turns), found.Reused, found.Recomputed,
			time.Since(start).Seconds()*1e3, why)
		if found.Lost > 0 {
			a.warn("the last %d tokens of the session were damaged and are lost", found.Lost)
		}
	}
	return k, nil
}

// save leaves the note in the file.
func (k *keptSession) save() error {
	if k.name == "" {
		return nil
	}
	b, err := json.Marshal(k.note)
	if err != nil {
		return err
	}
	return k.SetNote(b)
}

// sessionsJSON is the object of `session ls --json`.
type sessionsJSON struct {
	Folder   string        `json:"folder"`
	Sessions []sessionJSON `json:"sessions"`
}

// exportJSON is the object of `session export --json`.
type exportJSON struct {
	Name   string           `json:"name"`
	Model  string           `json:"model"`
	System string           `json:"system"`
	Turns  []godwit.Message `json:"turns"`
}

// sessionJSON is the object of `session info --json`, and one of `session ls --json`.
type sessionJSON struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Model    string `json:"model"`
	Tokens   int    `json:"tokens"`
	Ctx      int    `json:"ctx"`
	Messages int    `json:"messages"`
	Ready    int    `json:"ready_tokens"` // that opening it has nothing to compute for
	Lost     int    `json:"lost_tokens"`
	Cut      bool   `json:"answer_cut"` // an answer was cut off
	Plan     string `json:"plan"`
	Print    string `json:"fingerprint"` // the model's
	Bytes    int64  `json:"file_bytes"`
	Disk     int64  `json:"disk_bytes"`
}

// verifyJSON is the object of `session verify --json`.
type verifyJSON struct {
	Name       string `json:"name"`
	Tokens     int    `json:"tokens"`
	Reused     int    `json:"reused_tokens"`
	Recomputed int    `json:"recomputed_tokens"`
	Lost       int    `json:"lost_tokens"`
	Why        string `json:"why"`
}

func (a *app) sessionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "session",
		Short: "List, look at, check, fork and remove sessions in files",
		Long: `Sessions in files are made by --session of run and chat. A session is a NAME, whose file is in the folder of sessions
(GODWIT_SESSIONS, or the user's folder for data), or the path of a file.`,
		Example: "  godwit session ls\n  godwit session export diary",
		Args:    argCount(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.sessionVerb("ls", "List the sessions that have names", "godwit session ls", 0, func(*cobra.Command, string) error { return a.sessionList() }),
		a.sessionVerb("info NAME", "Say what a session's file holds", "godwit session info diary", 1, func(_ *cobra.Command, name string) error { return a.sessionInfo(name) }),
		a.sessionVerb("export NAME", "Print the conversation of a session as text", "godwit session export diary", 1,
			func(_ *cobra.Command, name string) error { return a.sessionExport(name) }),
		a.sessionVerb("rm NAME", "Remove a session", "godwit session rm diary", 1, func(_ *cobra.Command, name string) error { return a.sessionRemove(name) }),
	)
	fork := a.sessionVerb("fork NAME NEW", "Make another session of one, from which both go on", "godwit session fork diary diary-2", 2, nil)
	fork.RunE = func(_ *cobra.Command, args []string) error { return a.sessionFork(args[0], args[1]) }
	c.AddCommand(fork)
	v := a.sessionVerb("verify NAME", "Check a session with its model, and compute again what is damaged", "godwit session verify diary", 1,
		func(c *cobra.Command, name string) error { return a.sessionVerify(c.Context(), name) })
	a.modelFlags(v)
	v.ValidArgsFunction = completeSession
	c.AddCommand(v)
	return c
}

func (a *app) sessionVerb(use, short, example string, args int, run func(c *cobra.Command, name string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Example: "  " + example, Args: argCount(args, args), ValidArgsFunction: completeSession,
		RunE: func(c *cobra.Command, args []string) error { return run(c, strings.Join(args, "")) }}
}

// completeSession completes a session's name.
func completeSession(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := sessionNames()
	return names, cobra.ShellCompDirectiveDefault
}

// sessionNames are those in the folder of sessions.
func sessionNames() ([]string, error) {
	dir, err := sessionFolder()
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), sessionExt); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// statSession reads what a session's file says.
func statSession(name string) (sessionJSON, sessionNote, error) {
	var n sessionNote
	path, err := sessionPath(name)
	if err != nil {
		return sessionJSON{}, n, err
	}
	info, err := godwit.StatSession(path)
	if errors.Is(err, os.ErrNotExist) {
		return sessionJSON{}, n, fmt.Errorf("there is no session %s (%s); `godwit session ls` lists them", name, path)
	}
	if err != nil {
		return sessionJSON{}, n, err
	}
	if len(info.Note) > 0 {
		if err := json.Unmarshal(info.Note, &n); err != nil {
			n = sessionNote{}
		}
	}
	return sessionJSON{Name: name, Path: path, Model: n.Model, Tokens: info.Tokens, Ctx: info.Context, Messages: len(n.Turns), Ready: max(0, info.Outline),
		Lost: info.Lost, Cut: n.Answer != nil, Plan: info.Plan, Print: info.Model, Bytes: info.Size, Disk: info.Disk}, n, nil
}

func (a *app) sessionList() error {
	names, err := sessionNames()
	if err != nil {
		return err
	}
	dir, err := sessionFolder()
	if err != nil {
		return err
	}
	list := []sessionJSON{}
	for _, name := range names {
		s, _, err := statSession(name)
		if err != nil {
			a.warn("%v", err)
			continue
		}
		list = append(list, s)
	}
	if a.json {
		return a.print(sessionsJSON{dir, list})
	}
	if len(list) == 0 {
		a.note("there are no sessions: godwit chat --session NAME makes one")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMODEL\tMESSAGES\tTOKENS\tCONTEXT\tON DISK")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", printable(s.Name), printable(s.Model), s.Messages, s.Tokens, s.Ctx, size(s.Disk))
	}
	return w.Flush()
}

func (a *app) sessionInfo(name string) error {
	s, _, err := statSession(name)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(s)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	cut := ""
	if s.Cut {
		cut = ", the last answer was cut off"
	}
	for _, row := range [][2]string{
		{"file", s.Path}, {"model", s.Model}, {"fingerprint", s.Print[:min(12, len(s.Print))] + "…"}, {"plan", s.Plan},
		{"messages", fmt.Sprintf("%d%s", s.Messages, cut)},
		{"tokens", fmt.Sprintf("%d of %d, %d of them ready", s.Tokens, s.Ctx, s.Ready)},
		{"on disk", fmt.Sprintf("%s (the file is %s long; the rest are holes)", size(s.Disk), size(s.Bytes))},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], printable(row[1]))
	}
	if s.Lost > 0 {
		fmt.Fprintf(w, "damaged\tthe last %d tokens\n", s.Lost)
	}
	return w.Flush()
}

func (a *app) sessionExport(name string) error {
	s, n, err := statSession(name)
	if err != nil {
		return err
	}
	if len(n.Turns) == 0 {
		return fmt.Errorf("session %s has no conversation, only %d tokens", name, s.Tokens)
	}
	if a.json {
		return a.print(exportJSON{name, n.Model, n.System, n.Turns})
	}
	return writeTranscript(a.out, n.Turns)
}

func (a *app) sessionFork(name, to string) error {
	s, _, err := statSession(name)
	if err != nil {
		return err
	}
	path, err := sessionPath(to)
	if err != nil {
		return err
	}
	if err := godwit.CopySession(s.Path, path); err != nil {
		return err
	}
	return a.sessionInfo(to)
}

func (a *app) sessionRemove(name string) error {
	s, _, err := statSession(name)
	if err != nil {
		return err
	}
	if err := os.Remove(s.Path); err != nil {
		return err
	}
	if a.json {
		return a.print(rmJSON{Name: name, Freed: s.Disk})
	}
	a.note("removed session %s; %s are free", name, size(s.Disk))
	return nil
}

func (a *app) sessionVerify(ctx context.Context, name string) error {
	s, _, err := statSession(name)
	if err != nil {
		return err
	}
	if s.Model == "" {
		return fmt.Errorf("session %s does not say which model it is of", name)
	}
	m, err := a.open(ctx, s.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	quiet := a.quiet
	a.quiet = a.quiet || a.json
	k, err := a.keep(ctx, m, name, s.Model, a.sessionOptions())
	a.quiet = quiet
	if err != nil {
		return err
	}
	r := k.found
	if err := k.Close(); err != nil {
		return err
	}
	if a.json {
		return a.print(verifyJSON{name, r.Tokens, r.Reused, r.Recomputed, r.Lost, r.Why})
	}
	return a.printf("%s: %d tokens, %d whole, %d computed again, %d lost\n", printable(name), r.Tokens, r.Reused, r.Recomputed, r.Lost)
}
