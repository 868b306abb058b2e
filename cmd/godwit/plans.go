package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/attention"
)

// plansJSON is the object of `plans --json`.
type plansJSON struct {
	Plans []plansEntry `json:"plans"`
	Model *plansModel  `json:"model,omitempty"` // nil: none was named
}

type plansEntry struct {
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Paper     string   `json:"paper"`
	Arguments []string `json:"arguments"`
}

// plansModel is what a named plan is for a model.
type plansModel struct {
	Name   string `json:"name"`
	Layers int    `json:"layers"`
	Edits  string `json:"edits"`
	Plan   string `json:"plan"`
}

func (a *app) plansCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plans [NAME [MODEL]]",
		Short: "List the attention plans that have names",
		Long: `List the attention plans that have names, or show what one of them stands for.

A name stands wherever a plan is taken: --plan NAME, or with arguments and further edits, --plan 'NAME(window=512); kv=q8_0'. With a
MODEL the edits are shown that the name stands for, and the plan that they make of the model's own.`,
		Example: `  godwit plans
  godwit plans streaming
  godwit plans 'masformer(block=256)' smollm2:135m`,
		Args: argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.plans(cmd.Context(), args)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(r)
			}
			return a.showPlans(r)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if len(args) == 1 {
				return completeModel(nil, nil, "")
			}
			for _, n := range attention.NamedPlans() {
				names = append(names, n.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	return c
}

func (a *app) plans(ctx context.Context, args []string) (*plansJSON, error) {
	r := &plansJSON{Plans: []plansEntry{}}
	name := ""
	if len(args) > 0 {
		name, _, _ = strings.Cut(strings.TrimSpace(args[0]), "(")
		name, _, _ = strings.Cut(name, ";")
	}
	var names []string
	for _, n := range attention.NamedPlans() {
		names = append(names, n.Name)
		if len(args) == 0 || n.Name == strings.TrimSpace(name) {
			r.Plans = append(r.Plans, plansEntry{n.Name, n.About, n.Paper, append([]string{}, n.Arguments()...)})
		}
	}
	if len(r.Plans) == 0 {
		return nil, usage("there is no plan %q; there are %s", name, strings.Join(names, ", "))
	}
	if len(args) < 2 {
		return r, nil
	}
	path, err := a.fetch(ctx, args[1])
	if err != nil {
		return nil, err
	}
	m, err := a.openPlan(path, "")
	if err != nil {
		return nil, err
	}
	defer m.Close()
	own := m.Info().Plan
	edits, err := own.Expand(args[0])
	if err != nil {
		return nil, err
	}
	with, err := a.openPlan(path, args[0]) // do the parts fit the model?
	if err != nil {
		return nil, err
	}
	r.Model = &plansModel{Name: args[1], Layers: len(own.Layers), Edits: edits, Plan: with.Plan()}
	return r, with.Close()
}

func (a *app) showPlans(r *plansJSON) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, n := range r.Plans {
		name := n.Name
		for i, line := range strings.Split(n.About, "\n") {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "%s\t%s\n", name, line)
		}
		if len(n.Arguments) > 0 {
			fmt.Fprintf(w, "\targuments: %s\n", strings.Join(n.Arguments, ", "))
		}
		if n.Paper != "" {
			fmt.Fprintf(w, "\t%s\n", n.Paper)
		}
	}
	if m := r.Model; m != nil {
		fmt.Fprintf(w, "edits\t%s\n", printable(m.Edits))
		for i, part := range strings.Split(m.Plan, "; ") {
			fmt.Fprintf(w, "%s\t%s\n", map[bool]string{true: "plan"}[i == 0], printable(part))
		}
	}
	return w.Flush()
}
