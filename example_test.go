package godwit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/godwit-ai/godwit"
)

// A session in a file goes on after whatever ended the program. What was read is not read again, and an answer that was cut off goes on with the tokens that it
// would have had.
func ExampleModel_OpenSession() {
	ctx := context.Background()
	m, err := godwit.Open("model.gguf", godwit.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, found, err := m.OpenSession(ctx, "talk.godwit", godwit.SessionOptions{}, nil)
	if err != nil {
		log.Fatal(err) // errors.Is tells godwit.ErrOtherModel, ErrOtherPlan, ErrSessionInUse, ErrBadSession
	}
	defer s.Close()
	g := godwit.Generation{Sampling: godwit.Sampling{Temperature: 0.8, Seed: 1}, Max: 200}
	if s.Note() == nil {
		if s.Len() == 0 {
			err = s.Prompt(ctx, "Once upon a time", nil)
		}
		if err != nil {
			log.Fatal(err)
		}
		s.SetNote([]byte(fmt.Sprint(s.Len()))) // where the answer begins
	} else {
		g.Resume = &godwit.Resume{State: found.State}
		fmt.Sscan(string(s.Note()), &g.Resume.From)
	}
	for tok, err := range s.Generate(ctx, g) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(tok.Text)
	}
}

// When the system asks for memory, the pages of a session in a file leave the process; the next token brings back those that it needs.
func ExampleSession_Trim() {
	var s *godwit.Session // of OpenSession
	if err := s.Trim(godwit.TrimAll); err != nil {
		log.Print(err) // ErrBusy: a call is in progress
	}
}
