// Command godwit runs language models from the command line: it fetches them, answers, chats, measures and converts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/godwit-ai/godwit/attention"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if s != os.Interrupt || !a.interrupt() {
				cancel()             // ends what goes on within a layer of a chunk
				signal.Stop(signals) // and the next one ends the program, whatever it does
			}
		}
	}()
	os.Exit(a.main(ctx, os.Args[1:]))
}

// Exit codes.
const (
	exitError   = 1
	exitUsage   = 2
	exitStopped = 130 // what shells say of a program that an interrupt ended
)

// main runs one command line and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	a.in = &interruptible{ctx: ctx, r: a.in}
	c := a.command()
	c.SetArgs(args)
	switch err := c.ExecuteContext(ctx); {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "godwit: stopped")
		return exitStopped
	default:
		fmt.Fprintln(a.err, "godwit:", sentence(err))
		if errors.Is(err, errUsage) || errors.As(err, new(*attention.PlanError)) || a.plan != "" && errors.Is(err, attention.ErrCompose) {
			return exitUsage
		}
		return exitError
	}
}
