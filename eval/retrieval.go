package eval

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Task is a kind of retrieval.
type Task string

// The tasks. Documents are pages of a book with all of them hidden in one text, so that it is read once and asked often.
const (
	// Needle is a sentence with a fact about a person, between sentences of the book. There are several in a document, at depths
	// that are spread over it.
	Needle Task = "needle"
	// Passkey is a number of seven digits that is named three times in one place (Mohtashami and Jaggi 2023, arXiv 2305.16300).
	Passkey Task = "passkey"
	// Pairs is one of many lines of a name and a number of four digits, which stand together in one place.
	Pairs Task = "pairs"
)

// Tasks returns all tasks, in the order of reports.
func Tasks() []Task { return []Task{Needle, Passkey, Pairs} }

// Question asks for what a document holds at a depth from 0 (its beginning) to 1.
type Question struct {
	Task   Task
	Depth  float64
	Ask    string // the question
	Lead   string // how the answer begins, up to what is scored
	Answer string // what is scored
}

// Document is a text and what is asked about it.
type Document struct {
	Text      string
	Questions []Question
}

// insert is a sentence, or several, that goes into a book's text at a depth.
type insert struct {
	depth float64
	text  string
}

// fact is a needle's form: sentence and question have the person's name, the sentence one of the values too.
type fact struct {
	lead   string // with the name: the sentence up to the value
	end    string
	ask    string // with the name
	values []string
}

var facts = []fact{
	{"%s hid the golden key under the", ".", "Under what did %s hide the golden key?", []string{"bridge", "table", "carpet", "bed", "stairs", "roof", "piano", "tree"}},
	{"The favourite fruit of %s is the", ".", "What is the favourite fruit of %s?", []string{"apple", "banana", "cherry", "lemon", "melon", "orange", "peach", "pear"}},
	{"Last summer %s travelled by train to", ".", "Where did %s travel by train last summer?", []string{"Paris", "Berlin", "Moscow", "Vienna", "Madrid", "Rome", "Boston", "Dublin"}},
	{"The new coat of %s is", ".", "What colour is the new coat of %s?", []string{"red", "blue", "green", "yellow", "brown", "purple", "white", "black"}},
	{"On Sundays %s plays the", " for the children.", "What does %s play on Sundays?", []string{"piano", "guitar", "violin", "flute", "drums", "organ", "trumpet", "harp"}},
	{"The pet of %s is a small", " called Rufus.", "What is the pet of %s?", []string{"cat", "dog", "horse", "monkey", "rabbit", "snake", "bird", "turtle"}},
	{"For a living %s works as a", " in the village.", "As what does %s work?", []string{"teacher", "doctor", "baker", "farmer", "lawyer", "nurse", "painter", "writer"}},
	{"For breakfast %s always has a cup of", ".", "What does %s always have for breakfast?", []string{"coffee", "tea", "milk", "water", "chocolate", "soup", "juice", "wine"}},
}

var people = []string{"Margaret", "Thomas", "Helen", "Robert", "Alice", "George", "Laura", "Peter", "Emma", "Daniel", "Sarah", "Martin", "Julia",
	"Victor", "Anna", "Oscar"}

var things = []string{"apple", "river", "candle", "window", "garden", "silver", "mountain", "paper", "forest", "bottle", "castle", "winter", "market",
	"engine", "dragon", "button", "island", "mirror", "pepper", "rocket", "saddle", "temple", "violin", "walnut", "yellow", "anchor", "basket",
	"copper", "desert", "feather", "hammer", "jacket"}

// retrieval says what goes into a document.
type retrieval struct{ needles, pairs int }

// hide makes the inserts and questions of a document: which facts, names and numbers there are follows from rng.
func (r retrieval) hide(rng *rand.Rand) (parts []insert, questions []Question) {
	forms, names := rng.Perm(len(facts)), rng.Perm(len(people))
	for i := range r.needles {
		f, name := facts[forms[i%len(forms)]], people[names[i%len(names)]]
		depth := (float64(i) + rng.Float64()) / float64(r.needles)
		value := f.values[rng.IntN(len(f.values))]
		lead := fmt.Sprintf(f.lead, name)
		parts = append(parts, insert{depth, lead + " " + value + f.end})
		questions = append(questions, Question{Needle, depth, fmt.Sprintf(f.ask, name), lead, " " + value})
	}
	depth, key := rng.Float64(), digits(rng, 7)
	parts = append(parts, insert{depth, "The pass key is " + key + ". Remember it. " + key + " is the pass key."})
	questions = append(questions, Question{Passkey, depth, "What is the pass key?", "The pass key is", " " + key})
	if r.pairs > 0 {
		depth := rng.Float64()
		var b strings.Builder
		b.WriteString("The list of numbers:\n")
		for _, t := range rng.Perm(len(things))[:r.pairs] {
			number := digits(rng, 4)
			fmt.Fprintf(&b, "%s: %s\n", things[t], number)
			questions = append(questions, Question{Pairs, depth, fmt.Sprintf("What is the number of %s in the list of numbers?", things[t]), "The list of numbers:\n" + things[t] + ":", " " + number})
		}
		parts = append(parts, insert{depth, "\n\n" + b.String() + "\n"})
	}
	return parts, questions
}

// digits returns n digits, of which the first is not 0.
func digits(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(rng.IntN(10))
	}
	b[0] = '1' + byte(rng.IntN(9))
	return string(b)
}

// bury puts the inserts between sentences of a text.
func bury(text string, parts []insert) string {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b insert) int { return cmp.Compare(a.depth, b.depth) })
	var b strings.Builder
	at := 0
	for _, p := range parts {
		next := sentenceEnd(text, max(at, int(p.depth*float64(len(text)))))
		b.WriteString(text[at:next])
		b.WriteString(" " + p.text)
		at = next
	}
	b.WriteString(text[at:])
	return b.String()
}

// sentenceEnd returns the end of the sentence that goes on at byte i.
func sentenceEnd(text string, i int) int {
	for ; i < len(text); i++ {
		if j := i + 1; text[i] == '.' && (j == len(text) || text[j] == ' ' || text[j] == '\n') {
			return j
		}
	}
	return len(text)
}
