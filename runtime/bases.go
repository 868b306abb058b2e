package runtime

import (
	"crypto/sha256"
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// basesParts is how much memory bases take of what their file does: as they are read, and turned for the codecs of a plan.
const basesParts = 2

// readBases reads the bases in the file at path, which must be those of a model, the hash of the file, and the memory that they take.
func readBases(path string, model *gguf.File) (b *attention.Bases, hash string, heap int64, err error) {
	f, err := mmap.Read(path)
	if err != nil {
		return nil, "", 0, fmt.Errorf("bases %s: %w", path, err)
	}
	defer f.Close()
	if b, err = layer.ParseBases(f.Bytes(), layer.Fingerprint(model)); err != nil {
		return nil, "", 0, fmt.Errorf("bases %s: %w", path, err)
	}
	return b, fmt.Sprintf("%x", sha256.Sum256(f.Bytes())), basesParts * int64(len(f.Bytes())), nil
}
