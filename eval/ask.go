package eval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/tokenizer"
)

// asker turns questions into tokens.
type asker struct {
	m    *godwit.Model
	chat bool // ask by the model's chat template; else the document goes on with the beginning of the answer
}

// tokens returns the prompt, up to what is scored, and what is scored.
func (a asker) tokens(doc string, q Question) (prompt, answer []int32, err error) {
	encode := func(lead string) ([]int32, error) {
		if !a.chat {
			return a.m.Tokenize(doc+"\n\n"+lead, false)
		}
		ids, err := a.m.Render(nil, []godwit.Message{{Role: "user", Content: doc + "\n\n" + q.Ask}})
		if err != nil {
			return nil, err
		}
		tok, err := a.m.Tokenizer()
		if err != nil {
			return nil, err
		}
		return tok.Encode(ids, lead, tokenizer.Options{BOS: tokenizer.BOSNever}), nil
	}
	// The space before a word is a part of its token in most vocabularies, that before a number a token of its own, which is not
	// what is asked for.
	all, err := encode(q.Lead + q.Answer)
	if err != nil {
		return nil, nil, err
	}
	space, err := encode(q.Lead + " ")
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for n < min(len(all)-1, len(space)) && all[n] == space[n] {
		n++
	}
	return all[:n], all[n:], nil
}

// Score is how well an answer was predicted.
type Score struct {
	Exact   bool    // every token of it was the most probable one
	Part    float64 // of its tokens
	LogProb float64 // mean of its tokens', nats
}

// score asks one question: the answer's tokens are fed as if the model had generated them.
func score(ctx context.Context, s *godwit.Session, prompt, answer []int32) (Score, error) {
	if _, err := s.Sync(ctx, prompt, nil); err != nil {
		return Score{}, err
	}
	return scoreNext(ctx, s, answer)
}

// scoreNext is score of an answer that comes next.
func scoreNext(ctx context.Context, s *godwit.Session, answer []int32) (Score, error) {
	var r Score
	right := 0
	see := func(i int, logits []float32) error {
		if int32(best(logits)) == answer[i] {
			right++
		}
		r.LogProb += LogProb(logits, answer[i])
		return nil
	}
	logits, err := s.Logits()
	if err != nil {
		return r, err
	}
	see(0, logits)
	if err := s.Each(ctx, answer[:len(answer)-1], func(i int, logits []float32) error { return see(i+1, logits) }); err != nil {
		return r, err
	}
	n := float64(len(answer))
	return Score{right == len(answer), float64(right) / n, r.LogProb / n}, nil
}

// asked is a document in tokens.
type asked struct {
	questions []Question
	prompts   [][]int32 // up to the answers; all begin alike, [questions, tokens]
	answers   [][]int32 // [questions, tokens]
	shared    int       // tokens that all prompts begin with
}

// spare is how many tokens a question may take more within a document than it takes alone: where texts meet, tokens change.
const spare = 4

// documents makes the documents of a length: what is hidden, and the pages around it.
func (r *planRun) documents(length int) (docs []asked, err error) {
	a := asker{m: r.models[0], chat: r.Chat}
	for i := range r.Documents {
		rng := rand.New(rand.NewPCG(r.Seed, 2+uint64(i)))
		parts, questions := retrieval{r.Needles, r.Pairs}.hide(rng)
		book := r.Books[rng.IntN(len(r.Books))].Text
		at := rng.Float64()
		d, err := a.document(book, at, length-r.Decode, parts, questions)
		if err != nil {
			return nil, fmt.Errorf("document %d of %d tokens: %w", i+1, length, err)
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// document takes as much of a book as fits, from a sentence near a place in it, 0 to 1, and hides the parts in it.
func (a asker) document(book string, place float64, limit int, parts []insert, questions []Question) (d asked, err error) {
	size := func(text string, q Question) (int, error) {
		prompt, answer, err := a.tokens(bury(text, parts), q)
		return len(prompt) + len(answer), err
	}
	longest, most := questions[0], 0
	for _, q := range questions {
		n, err := size("", q)
		if err != nil {
			return d, err
		}
		if n > most {
			longest, most = q, n
		}
	}
	// A token has some bytes, so this is enough; if the book is too short after the place, the place is earlier.
	from := int(place * float64(max(0, len(book)-8*limit)))
	if from > 0 {
		from = sentenceEnd(book, from)
	}
	text := strings.TrimSpace(book[from:])
	lo, hi := 0, min(len(text), 12*limit) // lo bytes fit, hi do not, or are all
	for hi-lo > 16 {
		mid := (lo + hi) / 2
		n, err := size(text[:mid], longest)
		if err != nil {
			return d, err
		}
		if n <= limit-spare {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo < limit/4 { // bytes; nearly nothing of the book
		return d, fmt.Errorf("%w: what is hidden, and the question, leave room for %d bytes of the book", ErrShort, lo)
	}
	doc := bury(text[:wholeRune(text, lo)], parts)
	for _, q := range questions {
		prompt, answer, err := a.tokens(doc, q)
		if err != nil {
			return d, err
		}
		if len(prompt)+len(answer) > limit {
			return d, fmt.Errorf("the question %q takes %d tokens more than there are", q.Ask, len(prompt)+len(answer)-limit)
		}
		d.prompts, d.answers = append(d.prompts, prompt), append(d.answers, answer)
	}
	d.shared = len(d.prompts[0])
	for _, p := range d.prompts[1:] {
		d.shared = min(d.shared, len(p))
		for d.shared > 0 && !slices.Equal(p[:d.shared], d.prompts[0][:d.shared]) {
			d.shared--
		}
	}
	d.questions = questions
	return d, nil
}

// wholeRune returns the largest n ≤ limit at which a character of text begins.
func wholeRune(text string, limit int) int {
	for limit > 0 && limit < len(text) && text[limit]&0xc0 == 0x80 {
		limit--
	}
	return limit
}

// documentWork is the tokens that are fed for a document, about.
func (r *planRun) documentWork(length int) int {
	return length + (r.Needles+r.Pairs+1)*questionWork + r.Decode
}

const questionWork = 32

// retrieve asks a plan all questions of all documents.
func (r *planRun) retrieve(ctx context.Context, m *godwit.Model, docs []asked, row *PlanResult) (err error) {
	debug.FreeOSMemory() // what was measured before is not this plan's
	s, err := r.session(m, row.Context)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	sums := map[Task]*taskSum{}
	for _, t := range Tasks() {
		sums[t] = &taskSum{depths: make([]taskSum, r.Needles)}
	}
	var prefill, decode []float64
	for _, d := range docs {
		if err := s.Rewind(ctx, 0, nil); err != nil {
			return err
		}
		start := time.Now()
		read := func(done, total int) {
			row.Anon = max(row.Anon, mmap.MemoryUsage().Anon)
			r.meter.part(done, total)
		}
		if err := s.Feed(ctx, d.prompts[0][:d.shared], read); err != nil {
			return err
		}
		prefill = append(prefill, float64(d.shared)/time.Since(start).Seconds())
		r.meter.add(row.Context)
		start = time.Now()
		for i := range r.Decode {
			if err := s.Feed(ctx, d.prompts[0][i%d.shared:][:1], nil); err != nil {
				return err
			}
		}
		decode = append(decode, float64(r.Decode)/time.Since(start).Seconds())
		r.meter.add(r.Decode)
		for i, q := range d.questions {
			got, err := score(ctx, s, d.prompts[i], d.answers[i])
			if err != nil {
				return err
			}
			sums[q.Task].add(got, q.Depth)
			r.meter.add(questionWork)
		}
		row.Anon = max(row.Anon, mmap.MemoryUsage().Anon)
	}
	row.PrefillTPS, row.DecodeTPS = median(prefill), median(decode)
	for _, t := range Tasks() {
		row.Tasks = append(row.Tasks, sums[t].result(t))
	}
	return nil
}

// taskSum adds up scores, and those of equal parts of the depth.
type taskSum struct {
	n                    int
	exact, part, logProb float64
	depths               []taskSum
}

func (t *taskSum) add(s Score, depth float64) {
	t.n++
	if s.Exact {
		t.exact++
	}
	t.part += s.Part
	t.logProb += s.LogProb
	if k := len(t.depths); k > 0 {
		t.depths[min(k-1, int(depth*float64(k)))].add(s, 0)
	}
}

func (t *taskSum) result(task Task) TaskResult {
	n := float64(t.n)
	r := TaskResult{Task: task, Questions: t.n, Exact: 100 * t.exact / n, Part: 100 * t.part / n, LogProb: t.logProb / n}
	for i, d := range t.depths {
		if d.n > 0 {
			r.Depths = append(r.Depths, DepthResult{Depth: 100 * (float64(i) + 0.5) / float64(len(t.depths)), Questions: d.n,
				Exact: 100 * d.exact / float64(d.n), LogProb: d.logProb / float64(d.n)})
		}
	}
	return r
}

// median takes at least one value; of an even number it is the mean of the two in the middle.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// best returns the index of the largest number, the first of equals.
func best(x []float32) int {
	k := 0
	for i, v := range x {
		if v > x[k] {
			k = i
		}
	}
	return k
}
