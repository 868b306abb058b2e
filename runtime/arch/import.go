package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Import says how a Hugging Face model directory becomes a GGUF file of one architecture. It is a table: package
// convert executes it. The names and values are those that llama.cpp's converter writes, so the files are exchangeable.
type Import struct {
	// ModelTypes are the values of config.json's "model_type" that this import reads.
	ModelTypes []string
	// Meta returns the hyper-parameters, general.architecture first. Errors name the config.json key.
	Meta func(cfg Config) ([]KV, error)
	// Tensors returns the tensors of the file in their order. has reports whether the directory holds a tensor of that
	// Hugging Face name, for weights that exist only in some models (biases, untied heads, prefixes).
	Tensors func(cfg Config, has func(name string) bool) ([]TensorMap, error)
	// Ignore are the Hugging Face tensors that are dropped on purpose: path.Match patterns without separators, so "*"
	// crosses dots. Any other tensor that no TensorMap reads is an error of the conversion.
	Ignore []string
}

// KV is one metadata pair. Value is a string, bool, uint32, int32, uint64, float32, []string, []float32, []int32,
// []uint32 or []bool.
type KV struct {
	Key   string
	Value any
}

// TensorMap makes one GGUF tensor from Hugging Face tensors or from the configuration.
type TensorMap struct {
	// Name is the GGUF name.
	Name string
	// From are the Hugging Face names. Several are joined along a new slowest dimension (experts) in this order. Empty: the
	// values are Values.
	From []string
	// Dims are the dimensions of the result in GGUF order, Dims[0] the fastest. The product of the sources' shapes must
	// equal it and, for two or more dimensions, so must the sources' last dimension.
	Dims []int
	// Apply, when set, changes the float32 values of one source in place, row-major [rows, cols].
	Apply func(x []float32, rows, cols int)
	// Values are the contents when From is empty. [product of Dims]
	Values []float32
	// F32 keeps the tensor float32 whatever type was asked for (norms, biases, routers, RoPE factors).
	F32 bool
	// Pad allows the first source to have fewer rows than Dims asks: the missing ones are zero.
	Pad bool
}

// ErrConfig is wrapped by every error about a value of config.json.
var ErrConfig = errors.New("config.json")

// Config is a parsed config.json. Its getters collect no errors: each returns its own, naming the key.
type Config struct {
	m    map[string]any
	path string // "rope_scaling." inside that object
}

// ParseConfig parses config.json.
func ParseConfig(data []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return Config{m: m}, nil
}

func (c Config) fail(key, format string, args ...any) error {
	return fmt.Errorf("%w: %s%s: %s", ErrConfig, c.path, key, fmt.Sprintf(format, args...))
}

// Has reports whether key is present and not null.
func (c Config) Has(key string) bool { v, ok := c.m[key]; return ok && v != nil }

// value returns the value at key; ok is false when it is absent or null. want names T in the error for a value of another
// type.
func value[T any](c Config, key, want string) (v T, ok bool, err error) {
	if !c.Has(key) {
		return v, false, nil
	}
	if v, ok = c.m[key].(T); !ok {
		return v, false, c.fail(key, "want %s", want)
	}
	return v, true, nil
}

// Sub returns the object at key; absent or null gives an empty one.
func (c Config) Sub(key string) (Config, error) {
	m, _, err := value[map[string]any](c, key, "an object")
	return Config{m: m, path: c.path + key + "."}, err
}

// Int returns the integer at key. Integral floats (1e6, 512.0) count.
func (c Config) Int(key string) (int, error) {
	n, ok, err := value[json.Number](c, key, "an integer")
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, c.fail(key, "missing")
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, c.fail(key, "want an integer, have %s", n)
	}
	return int(f), nil
}

// IntOr is Int with a default for an absent or null key.
func (c Config) IntOr(key string, def int) (int, error) {
	if !c.Has(key) {
		return def, nil
	}
	return c.Int(key)
}

// Float returns the number at key.
func (c Config) Float(key string) (float64, error) {
	n, ok, err := value[json.Number](c, key, "a number")
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, c.fail(key, "missing")
	}
	f, err := n.Float64()
	if err != nil {
		return 0, c.fail(key, "want a number, have %s", n)
	}
	return f, nil
}

// FloatOr is Float with a default for an absent or null key.
func (c Config) FloatOr(key string, def float64) (float64, error) {
	if !c.Has(key) {
		return def, nil
	}
	return c.Float(key)
}

// BoolOr returns the truth value at key, or def when absent or null.
func (c Config) BoolOr(key string, def bool) (bool, error) {
	b, ok, err := value[bool](c, key, "true or false")
	if !ok {
		b = def
	}
	return b, err
}

// StringOr returns the string at key, or def when absent or null.
func (c Config) StringOr(key, def string) (string, error) {
	s, ok, err := value[string](c, key, "a string")
	if !ok {
		s = def
	}
	return s, err
}

// Floats returns the list of numbers at key; nil when absent or null.
func (c Config) Floats(key string) ([]float64, error) {
	list, _, err := value[[]any](c, key, "a list")
	if err != nil {
		return nil, err
	}
	var out []float64
	for i, v := range list {
		n, ok := v.(json.Number)
		f, err := n.Float64()
		if !ok || err != nil {
			return nil, c.fail(key, "entry %d: want a number", i)
		}
		out = append(out, f)
	}
	return out, nil
}

// Strings returns the list of strings at key; nil when absent or null.
func (c Config) Strings(key string) ([]string, error) {
	list, _, err := value[[]any](c, key, "a list")
	if err != nil {
		return nil, err
	}
	var out []string
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, c.fail(key, "entry %d: want a string", i)
		}
		out = append(out, s)
	}
	return out, nil
}

// ModelType returns "model_type".
func (c Config) ModelType() (string, error) {
	s, err := c.StringOr("model_type", "")
	if err == nil && s == "" {
		err = c.fail("model_type", "missing")
	}
	return s, err
}

// LookupImport returns the import whose tables read cfg's model_type.
func LookupImport(cfg Config) (*Arch, error) {
	mt, err := cfg.ModelType()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, a := range All() {
		for _, t := range a.Import.ModelTypes {
			if t == mt {
				return a, nil
			}
			known = append(known, t)
		}
	}
	return nil, fmt.Errorf("%w: model_type: %q is not known (known: %s)", ErrConfig, mt, strings.Join(known, ", "))
}
