package convert

import (
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/runtime/arch"
)

// roles are the special tokens' names in Hugging Face files and in GGUF keys.
var roles = []struct{ name, key string }{
	{"bos", "bos_token_id"}, {"eos", "eos_token_id"}, {"unk", "unknown_token_id"},
	{"sep", "seperator_token_id"}, // the key's spelling is the format's
	{"pad", "padding_token_id"}, {"cls", "cls_token_id"}, {"mask", "mask_token_id"},
}

// specials sets the ids of the special tokens and whether they surround a text.
func (t *tokenizerFiles) specials(v *vocabulary, cfg arch.Config, r *Result) error {
	names := map[string]string{} // by role
	for _, role := range roles {
		for _, o := range []map[string]any{t.config, t.special} {
			if s, ok := str(o, role.name+"_token"); ok {
				names[role.name] = s
				break
			}
		}
	}
	if names["bos"] == "" && names["cls"] != "" {
		names["bos"] = names["cls"]
	}
	if names["eos"] == "" && names["sep"] != "" {
		names["eos"] = names["sep"]
	}
	adds := map[string]bool{}
	if t.json != nil {
		t.json.surround(names, adds)
	}
	for _, role := range []string{"bos", "eos", "sep"} {
		if on, ok := flag(t.config, "add_"+role+"_token"); ok {
			adds[role] = on
		}
	}
	byName := t.ids(v)
	set := map[string]int{}
	for _, role := range roles {
		id, ok := byName[names[role.name]]
		if !ok || names[role.name] == "" {
			if id, ok = t.configID(cfg, role.name); !ok {
				continue
			}
		}
		if id >= len(v.tokens) {
			r.warn("%s_token: id %d is outside the vocabulary of %d and was left out", role.name, id, len(v.tokens))
			continue
		}
		set[role.name] = id
		v.add(tokenizerKeys+role.key, uint32(id))
	}
	t.ends(v, cfg, set)
	for _, role := range []string{"bos", "eos", "sep"} {
		// Readers have defaults of their own for some pre-tokenizers, so what tokenizer.json says is always written.
		if on, ok := adds[role]; ok || t.json != nil && role != "sep" {
			v.add(tokenizerKeys+"add_"+role+"_token", on)
		}
	}
	return nil
}

// ids maps added tokens, and other tokens without a namesake among them, to their ids.
func (t *tokenizerFiles) ids(v *vocabulary) map[string]int {
	m := make(map[string]int, len(v.tokens))
	for i, s := range v.tokens {
		if _, ok := m[s]; !ok {
			m[s] = i
		}
	}
	if t.json != nil {
		for _, a := range t.json.Added {
			m[a.Content] = a.ID
		}
	}
	return m
}

// configID returns a role's id from config.json, else from generation_config.json. A list (several ends) counts by its
// first entry, and only when nothing better is known.
func (t *tokenizerFiles) configID(cfg arch.Config, role string) (int, bool) {
	key := role + "_token_id"
	if id, err := cfg.Int(key); err == nil && id >= 0 {
		return id, true
	}
	if list := ids(t.generate, key); len(list) > 0 {
		return list[0], true
	}
	if list, err := cfg.Floats(key); err == nil && len(list) > 0 && list[0] >= 0 {
		return int(list[0]), true
	}
	return 0, false
}

// ends sets the tokens that end a turn besides EOS. Generation stops at all of them.
func (t *tokenizerFiles) ends(v *vocabulary, cfg arch.Config, set map[string]int) {
	list := ids(t.generate, "eos_token_id")
	if more, err := cfg.Floats("eos_token_id"); err == nil {
		for _, id := range more {
			list = append(list, int(id))
		}
	}
	eos, ok := set["eos"]
	for _, key := range []string{"eom_token_id", "eot_token_id"} {
		i := slices.IndexFunc(list, func(id int) bool {
			return id >= 0 && id < len(v.tokens) && !(ok && id == eos) && strings.Contains(v.tokens[id], "eom") == (key == "eom_token_id")
		})
		if i >= 0 {
			v.add(tokenizerKeys+key, uint32(list[i]))
		}
	}
}
