package catalog

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"smollm2":                 "smollm2:135m",
		"smollm":                  "smollm2:135m",
		"SmolLM2-135M":            "smollm2:135m",
		"smollm2:360m":            "smollm2:135m",
		"smolm2:135m":             "smollm2:135m",
		"135m":                    "smollm2:135m",
		"gemma":                   "gemma3:270m",
		"gema3:27m":               "gemma3:270m",
		"gemma3":                  "gemma3:270m",
		"gema":                    "gemma3:270m",
		"smolm2":                  "smollm2:135m",
		"llama3":                  "",
		"llama3:8b":               "",
		"":                        "",
		"m":                       "",
		strings.Repeat("x", 1e6):  "",
		"/home/u/models/big.gguf": "",
	} {
		if got := strings.Join(Suggest(name), " "); got != want {
			t.Errorf("Suggest(%.40q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
