package layer

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// Image hands the state of every operation to m, as seq.Imager says.
func (s *NetState) Image(m *seq.Image, maxLen int) {
	m.Int(&s.len, 0, maxLen)
	for i, st := range s.states {
		if st == nil {
			continue
		}
		im, ok := st.(seq.Imager)
		if !ok {
			m.Fail(fmt.Errorf("branch %d: its state has no image", i))
			return
		}
		if im.Image(m); m.Err() != nil {
			return
		}
		if st.Len() != s.len {
			m.Bad("branch %d has %d rows of %d", i, st.Len(), s.len)
			return
		}
	}
}
