package cpu

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestMain prints what it found instead of running tests, when TestEnvironment starts it again.
func TestMain(m *testing.M) {
	if os.Getenv("CPU_TEST_PRINT") != "" {
		println(strings.Join(state(), " "))
		return
	}
	os.Exit(m.Run())
}

// state is the best level, the levels in use, and the error.
func state() []string {
	s := []string{Best()}
	for _, l := range levels {
		if l.Have {
			s = append(s, l.Name)
		}
	}
	if Err() != nil {
		s = append(s, "error:", Err().Error())
	}
	return s
}

// apply is state as it would be with GODWIT_CPU set to value.
func apply(value string) []string {
	saved, err := make([]bool, len(levels)), capErr
	for i, l := range levels {
		saved[i] = l.Have
	}
	defer func() {
		for i, l := range levels {
			l.Have = saved[i]
		}
		capErr = err
	}()
	capErr = nil
	limit(value)
	return state()
}

// TestEnvironment starts this program again with GODWIT_CPU set.
func TestEnvironment(t *testing.T) {
	for _, value := range []string{"", "generic", Best(), "sse9"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GODWIT_CPU=") }),
			"CPU_TEST_PRINT=1", "GODWIT_CPU="+value)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Log("under emulation a program cannot start itself; TestCap covers the rest")
			return
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", value, err, out)
		}
		if os.Getenv("GODWIT_CPU") != "" && value != "generic" {
			continue // apply starts from what this very process was capped to
		}
		if got, want := strings.TrimSpace(string(out)), strings.Join(apply(value), " "); got != want {
			t.Errorf("GODWIT_CPU=%s: %s, want %s", value, got, want)
		}
	}
}

// TestCap: a level caps the ones above it and keeps those below; what is not there is an error and changes nothing.
func TestCap(t *testing.T) {
	machine := apply("")
	have := machine[1:]
	if want := "generic"; len(have) == 0 && machine[0] != want || len(have) > 0 && machine[0] != have[len(have)-1] {
		t.Errorf("best is %s of %v", machine[0], have)
	}
	if got := apply("generic"); !slices.Equal(got, []string{"generic"}) {
		t.Errorf("generic: %v", got)
	}
	for i, l := range have {
		if got, want := apply(l), append([]string{l}, have[:i+1]...); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", l, got, want)
		}
	}
	wrong := []string{"sse9", "AVX2", " ", "generic,avx2"}
	for _, l := range levels {
		if !slices.Contains(have, l.Name) {
			wrong = append(wrong, l.Name)
		}
	}
	for _, l := range wrong {
		got := strings.Join(apply(l), " ")
		if !strings.HasPrefix(got, strings.Join(machine, " ")+" error: GODWIT_CPU="+l) ||
			!strings.HasSuffix(got, strings.Join(append([]string{"(it has generic"}, have...), ", ")+")") {
			t.Errorf("%q: %s", l, got)
		}
	}
}

// TestNamed: where GODWIT_CPU names a level, as continuous integration does for emulators, it is there.
func TestNamed(t *testing.T) {
	if name := os.Getenv("GODWIT_CPU"); name != "" && (Err() != nil || Best() != name) {
		t.Errorf("GODWIT_CPU=%s: %s, %v", name, Best(), Err())
	}
}

// TestLevelsInclude: a level is there only with all below it, but for one.
func TestLevelsInclude(t *testing.T) {
	lost := false
	for _, l := range levels {
		if l.Have && lost {
			t.Errorf("%s without the level below it", l.Name)
		}
		lost = lost || !l.Have && l.Name != "avxvnni"
	}
}
