package attention

// store puts the keys and values of a row into the cache.
func (j *job) store(w *worker, r int) {
	c, sh := j.s.core, j.s.core.shape
	row := j.at.First + r
	var turn []float32
	if c.pos != nil {
		turn = j.turn[r*j.width:][:j.width]
		j.turns(turn, r)
	}
	if c.bias != nil {
		slot := j.s.slot(row, 0)
		j.s.marks(slot / Tile)[slot%Tile] = j.placed(r)
	}
	for h := range sh.KVHeads {
		k := j.k[(r*sh.KVHeads+h)*sh.Dim:][:sh.Dim]
		far := w.key[:sh.Dim]
		if c.far != nil {
			copy(far, k)
			c.pos.Apply(far, turn[c.pos.Width():])
			far = turned(w.key[sh.Dim:], c.keyTurn, far, h)
		}
		if c.pos != nil {
			c.pos.Apply(k, turn)
		}
		k = turned(w.key[2*sh.Dim:], c.keyTurn, k, h)
		if c.far == nil {
			far = k
		}
		v := turned(w.val, c.valTurn, j.v[(r*sh.KVHeads+h)*sh.VDim:][:sh.VDim], h)
		slot := j.s.slot(row, h)
		key, value := j.s.tile(slot/Tile, h)
		if c.keySeal == nil {
			c.key.Put(key, slot%Tile, far)
		}
		if c.valSeal == nil {
			c.value.Put(value, slot%Tile, v)
		}
		if c.near != nil {
			j.storeNear(row, h, k, v)
		}
	}
	if j.s.kept != nil {
		j.s.kept.saw(j, r)
	}
}
