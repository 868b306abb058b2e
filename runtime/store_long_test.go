//go:build long

package runtime

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// scale is the environment's GODWIT_ROUNDS: how many times as many rounds the long tests of sessions in files have.
func scale(n int) int {
	if k, err := strconv.Atoi(os.Getenv("GODWIT_ROUNDS")); err == nil {
		return n * k
	}
	return n
}

// TestLongKill kills processes with real models.
func TestLongKill(t *testing.T) {
	for _, model := range []string{"smollm2:135m", "gemma3:270m"} {
		for _, plan := range []string{"", "kv=q8_0", "kv=kivi(bits=2)", "span=full layout=grow select=recycle(k=2,local=2,dense=0,every=4)", "span=full keep=snapkv(256,window=16,recent=16,every=128)"} {
			t.Run(model+"/"+plan, func(t *testing.T) {
				killed(t, scale(4), killCase{testmodel.Path(t, model), plan, nil, 900, 256, 500 * time.Millisecond})
			})
		}
	}
}

// TestLongStoreDamage damages thousands of files.
func TestLongStoreDamage(t *testing.T) { damage(t, scale(250)) }

// TestLongPowerLoss loses power often.
func TestLongPowerLoss(t *testing.T) { powerLoss(t, scale(25)) }
