package tokenizer

// family is what the file's name of a pre-tokeniser stands for.
type family struct {
	stages []splitter
	whole  bool // a word that is an entry of the vocabulary is that token, whatever the merges say
	bos    bool // begins texts with BOS unless the file says otherwise
	raw    bool // merges work on characters with ▁ for space, not on letters that stand for bytes
}

// families are the values of tokenizer.ggml.pre. A file with another value is refused: a wrong guess would give wrong
// tokens silently.
var families = map[string]*family{}

func init() {
	add := func(f family, names ...string) {
		for _, name := range names {
			families[name] = &f
		}
	}
	letters := style{digits: 1, words: letter, contractions: true, tail: "\r\n"}
	digits3 := letters
	digits3.digits = 3
	digitsAll := letters
	digitsAll.digits = 1 << 30
	marks := letters
	marks.words |= mark
	noTail := letters
	noTail.tail = ""
	o200k := style{digits: 3, words: letter, cased: true, contractions: true, tail: "\r\n/"}
	youtuWords := o200k
	youtuWords.digits = 1
	tekken := style{digits: 1, words: letter, cased: true, tail: "\r\n/"}

	add(family{stages: []splitter{gpt2}},
		"gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "a.x-4.0",
		"mellum", "modern-bert", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de",
		"jina-v1-en", "jina-v2-code", "roberta-bpe")
	add(family{stages: []splitter{digits, gpt2}},
		"smollm", "refact", "starcoder", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2")
	add(family{stages: []splitter{gpt4(digits3)}, whole: true, bos: true},
		"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano")
	add(family{stages: []splitter{gpt4(digits3)}}, "smaug-bpe", "dbrx", "glm4", "chatglm-bpe")
	add(family{stages: []splitter{numbers3, gpt4(digitsAll)}, whole: true}, "minicpm5")
	add(family{stages: []splitter{gpt4(letters)}},
		"qwen2", "stablelm2", "hunyuan", "solar-open", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "grok-2",
		"bailingmoe", "bailingmoe2", "llada-moe")
	add(family{stages: []splitter{lines, gpt4(letters)}}, "laguna")
	add(family{stages: []splitter{gpt4(marks)}}, "qwen35")
	add(family{stages: []splitter{gpt4(noTail)}}, "seed-coder")
	add(family{stages: []splitter{gpt4(o200k)}},
		"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", "granite-embed-multi-97m")
	add(family{stages: []splitter{gpt4(tekken)}, whole: true, bos: true}, "tekken")
	add(family{stages: []splitter{newline, isolate(spaced(deepseekCased.holds)), isolate(spaced(deepseekPunct.holds)), trailing,
		isolate(runsIn(deepseekAsian.holds)), numbers}}, "deepseek-llm")
	add(family{stages: []splitter{newline, isolate(spaced(isLetter)), isolate(spaced(isPunct)),
		isolate(runsIn(deepseekAsian.holds)), digits}}, "deepseek-coder")
	add(family{stages: []splitter{numbers3, isolate(runsIn(kanaHan.holds)), isolate(deepseek3)}},
		"deepseek-v3", "hunyuan-dense", "joyai-llm")
	add(family{stages: []splitter{isolate(youtu), gpt4(youtuWords)}, whole: true}, "youtu")
	add(family{stages: []splitter{runsOf(punct, "$+<=>^~|`"), gpt2, asciiTriples}}, "falcon")
	add(family{stages: []splitter{runsOf(punct, "$+<=>^~|"), gpt2, numbers, asciiTriples}}, "default", "")
	add(family{stages: []splitter{bloom}}, "bloom", "poro-chat", "gpt3-finnish")
	add(family{stages: []splitter{bloom, digits}}, "viking")
	add(family{stages: []splitter{lines}, raw: true, bos: true}, "gemma4", "granite-embed-multi-311m")
	add(family{stages: []splitter{lines}, raw: true}, "sarvam-moe")
}
