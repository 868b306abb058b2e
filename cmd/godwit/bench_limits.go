package main

import (
	"context"
	"fmt"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// benchLimits are what the machine can do at most through godwit's own kernels, in 10⁹ bytes or operations per second: the best
// of many short tries. Fields that end in 1 are of one thread.
type benchLimits struct {
	Threads int     `json:"threads"`
	Read    float64 `json:"read_gbps"`    // plain reading of 256 MiB, which no cache holds
	Mul     float64 `json:"mul_gops"`     // quant.Mul: quantised weights by 128 rows of int8 activations
	Mul1    float64 `json:"mul_gops_1"`   //
	Dot     float64 `json:"dot_gops"`     // i8.Dot: a tile of attention over an int8 cache
	Dot1    float64 `json:"dot_gops_1"`   //
	Float   float64 `json:"f32_gflops"`   // vec.MulAdd: a tile of attention in float32
	Float1  float64 `json:"f32_gflops_1"` //
}

const (
	limitFloats = 64 << 20 // float32 that are read for the bandwidth: 256 MiB
	limitItem   = 1 << 18  // of which a worker takes 1 MiB at a time
)

// limitTime is how long a kernel is tried: two seconds in all. Tests change it.
var limitTime = 250 * time.Millisecond

// measureLimits tries each kernel for a time.
func measureLimits(ctx context.Context, threads int, each time.Duration, progress godwit.Progress) (*benchLimits, error) {
	pool := par.NewPool(threads)
	defer pool.Close()
	team, done := pool.Pass(ctx)
	defer done()
	l := &benchLimits{Threads: threads}
	product, err := newProduct()
	if err != nil {
		return nil, fmt.Errorf("the machine's limits: %w", err)
	}
	all, one := newKernelTask(threads), newKernelTask(1)
	dot := func(t *kernelTask) func(seq.Team) (float64, error) {
		return func(team seq.Team) (float64, error) { return t.run(team, (*kernelTile).dot) }
	}
	mulAdd := func(t *kernelTask) func(seq.Team) (float64, error) {
		return func(team seq.Team) (float64, error) { return t.run(team, (*kernelTile).mulAdd) }
	}
	steps := []struct {
		rate *float64
		team seq.Team
		work func(seq.Team) (float64, error)
	}{
		{&l.Mul, team, product.run}, {&l.Mul1, par.Serial(), product.run},
		{&l.Dot, team, dot(all)}, {&l.Dot1, par.Serial(), dot(one)},
		{&l.Float, team, mulAdd(all)}, {&l.Float1, par.Serial(), mulAdd(one)},
		{&l.Read, team, newReading(team).run},
	}
	for i, s := range steps {
		progress(i, len(steps))
		err := team.Err()
		for start := time.Now(); err == nil && time.Since(start) < each; {
			var work float64
			begin := time.Now()
			if work, err = s.work(s.team); err == nil {
				*s.rate = max(*s.rate, work/1e9/time.Since(begin).Seconds())
			}
			if err == nil {
				err = team.Err() // which a team of one does not ask for
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// reading reads memory; its items are pieces of limitItem.
type reading struct {
	x    []float32 // ones: pages that were never written to are all the same one, which a cache holds. [limitFloats]
	sums []float32 // [pieces]
	fill bool
}

func newReading(team seq.Team) *reading {
	r := &reading{x: make([]float32, limitFloats), sums: make([]float32, limitFloats/limitItem), fill: true}
	if team.Run(len(r.sums), 1, r) == nil {
		r.fill = false
	}
	return r
}

func (r *reading) run(team seq.Team) (float64, error) {
	return 4 * limitFloats, team.Run(len(r.sums), 1, r)
}

// Do implements seq.Task. A dot product of two halves reads twice as much per operation as a sum.
func (r *reading) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		x := r.x[i*limitItem:][:limitItem]
		if r.fill {
			for j := range x {
				x[j] = 1
			}
		} else {
			r.sums[i] = vec.Dot(x[:limitItem/2], x[limitItem/2:])
		}
	}
}

// mulProduct is a product of 128 rows of activations with quantised weights, 6 ms of a thread at 20 GOPS.
type mulProduct struct {
	m   quant.Matrix
	x   []float32 // [rows, cols]
	y   []float32 // [rows, M.Rows]
	mem seq.Arena
}

const (
	productRows = 128
	productSize = 704 // rows and columns of the weights, whose 0.5 MB a second-level cache holds
)

func newProduct() (*mulProduct, error) {
	p := &mulProduct{x: ramp(productRows * productSize), y: make([]float32, productRows*productSize)}
	f, ok := quant.Lookup(quant.Q8_0)
	if !ok {
		return nil, quant.ErrType
	}
	row := f.Size * productSize / f.Elems
	data := make([]byte, productSize*row) // [rows, row]
	for r := range productSize {
		f.Encode(data[r*row:][:row], ramp(productSize), nil)
	}
	var err error
	p.m, err = quant.NewMatrix(quant.Q8_0, productSize, productSize, data)
	return p, err
}

func (p *mulProduct) run(team seq.Team) (float64, error) {
	mark := p.mem.Mark()
	defer p.mem.Release(mark)
	var in quant.Input
	if err := in.Set(p.x, productRows, productSize, false, team, &p.mem); err != nil {
		return 0, err
	}
	err := quant.Mul(&in, team, &p.mem, quant.Job{M: p.m, Y: p.y, Stride: productSize})
	return 2 * productRows * productSize * productSize, err
}

// kernelTile is what one worker multiplies: 96 queries by 64 keys of 64 numbers, a tile of attention.
type kernelTile struct {
	q, k, s []float32 // [tileRows, tileDim], [tileDim, tileKeys], [tileRows, tileKeys]
	qi, ki  []int8    // [tileRows, tileDim], [tileKeys/16, tileDim/4, 16, 4]
	meta    []i8.Meta // [tileRows, tileDim/32]
	scales  []uint16  // [tileKeys/16, tileDim/32, 16]
}

const (
	tileRows, tileKeys, tileDim = 96, 64, 64
	tileOps                     = 2 * tileRows * tileKeys * tileDim
	tileTimes                   = 20 // some 0.1 ms with SIMD, and not for ever without
)

func newKernelTile() *kernelTile {
	t := &kernelTile{q: ramp(tileRows * tileDim), k: ramp(tileDim * tileKeys), s: make([]float32, tileRows*tileKeys),
		qi: make([]int8, tileRows*tileDim), ki: make([]int8, tileKeys*tileDim),
		meta:   i8.Metas(make([]uint64, tileRows*tileDim/i8.Group)),
		scales: make([]uint16, tileKeys*tileDim/i8.Group)}
	i8.Quantize(t.qi, t.meta, t.q)
	for i := range t.ki {
		t.ki[i] = int8(i % 127)
	}
	vec.F32ToF16(t.scales, ramp(len(t.scales)))
	return t
}

func (t *kernelTile) dot() {
	i8.Dot(t.s, tileKeys, t.qi, t.meta, t.ki, t.scales, tileRows, tileDim)
}

func (t *kernelTile) mulAdd() {
	vec.MulAdd(t.s, t.q, t.k, tileRows, tileDim, tileKeys, tileDim, tileKeys, tileKeys)
}

// kernelTask runs a kernel on every worker; its items are the workers' turns.
type kernelTask struct {
	tiles  []*kernelTile // [workers]
	kernel func(*kernelTile)
}

func newKernelTask(workers int) *kernelTask {
	t := &kernelTask{}
	for range workers {
		t.tiles = append(t.tiles, newKernelTile())
	}
	return t
}

// run gives each worker several turns, so that none waits for one that was late.
func (t *kernelTask) run(team seq.Team, kernel func(*kernelTile)) (float64, error) {
	t.kernel = kernel
	turns := 1
	if len(t.tiles) > 1 {
		turns = 8 * len(t.tiles)
	}
	return float64(turns) * tileTimes * tileOps, team.Run(turns, 1, t)
}

// Do implements seq.Task.
func (t *kernelTask) Do(worker, lo, hi int) {
	for range (hi - lo) * tileTimes {
		t.kernel(t.tiles[worker])
	}
}

// ramp is n numbers between −1 and 1, none so small that arithmetic would be slow.
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%61-30)/30 + 1.0/128
	}
	return x
}

// share is the part of the limits, in percent, that a rate of tokens makes: of the bytes, and of the operations, those on int8 and
// on float32 each at their own limit.
func (l *benchLimits) share(perToken godwit.Cost, tps float64) (read, ops float64) {
	read = 100 * tps * float64(perToken.Weights+perToken.Cache) / (l.Read * 1e9)
	ops = 100 * tps * (float64(perToken.IntOps)/(l.Mul*1e9) + float64(perToken.FloatOps)/(l.Float*1e9))
	return read, ops
}
