package main

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// benchLimits are what the machine can do at most through godwit's own kernels, in 10⁹ bytes or operations per second. Fields that
// end in 1 are of one thread.
type benchLimits struct {
	Threads int     `json:"threads"`
	Read    float64 `json:"read_gbps"` // plain reading of 256 MiB, which no cache holds; the median of what was measured beside the runs
	ReadMin float64 `json:"read_gbps_min"`
	ReadMax float64 `json:"read_gbps_max"`
	Mul     float64 `json:"mul_gops"`     // quant.Mul: quantised weights by 128 rows of int8 activations; the median too
	Mul1    float64 `json:"mul_gops_1"`   //
	Dot     float64 `json:"dot_gops"`     // i8.Dot: a tile of attention over an int8 cache
	Dot1    float64 `json:"dot_gops_1"`   //
	Float   float64 `json:"f32_gflops"`   // vec.MulAdd: a tile of attention in float32; the median too
	Float1  float64 `json:"f32_gflops_1"` //
}

// limitRates are the limits beside one run, of all threads, in 10⁹ bytes or operations per second.
type limitRates struct{ read, mul, float float64 }

const (
	limitFloats = 64 << 20 // float32 that are read for the bandwidth: 256 MiB
	limitItem   = 1 << 18  // of which a worker takes 1 MiB at a time
)

// limitTime is how long reading is tried before, and again after, every run; arithmetic is tried half as long. Tests change it.
var limitTime = 100 * time.Millisecond

// limitMeter measures limits. Neighbours change what a machine has (reading by a factor of 1.7 within minutes, on a virtual machine),
// so a run is compared with what is measured right before and after it, and with nothing else.
type limitMeter struct {
	pool     *par.Pool
	memory   *mmap.Block // not of the Go heap: the collector would let four times as much garbage lie
	read     *reading
	product  *mulProduct
	all, one *kernelTask
}

func newLimitMeter(ctx context.Context, threads int) (m *limitMeter, err error) {
	m = &limitMeter{all: newKernelTask(threads), one: newKernelTask(1)}
	if m.product, err = newProduct(); err == nil {
		m.memory, err = mmap.Anon(4 * limitFloats)
	}
	if err != nil {
		return nil, fmt.Errorf("the machine's limits: %w", err)
	}
	m.pool = par.NewPool(threads)
	team, done := m.pool.Pass(ctx)
	defer done()
	if m.read, err = newReading(team, m.memory.Bytes()); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *limitMeter) close() {
	m.pool.Close()
	m.memory.Free()
}

// bytes is the memory that the process has only because of m. A nil meter has none.
func (m *limitMeter) bytes() int64 {
	if m == nil {
		return 0
	}
	return 4 * limitFloats
}

// limitKernel does some work and returns how many bytes or operations it was.
type limitKernel func(seq.Team) (float64, error)

// rate tries f for a time and returns the median of the tries, in 10⁹ a second.
func rate(team seq.Team, f limitKernel, each time.Duration) (float64, error) {
	var tries []float64
	for start := time.Now(); len(tries) == 0 || time.Since(start) < each; {
		begin := time.Now()
		work, err := f(team)
		if err == nil {
			err = team.Err() // which a team of one does not ask for
		}
		if err != nil {
			return 0, err
		}
		tries = append(tries, work/1e9/time.Since(begin).Seconds())
	}
	return spreadOf(tries).median, nil
}

func dotOf(t *kernelTask) limitKernel {
	return func(team seq.Team) (float64, error) { return t.run(team, (*kernelTile).dot) }
}

func mulAddOf(t *kernelTask) limitKernel {
	return func(team seq.Team) (float64, error) { return t.run(team, (*kernelTile).mulAdd) }
}

// limitStep is one limit to measure.
type limitStep struct {
	rate *float64
	team seq.Team
	f    limitKernel
	each time.Duration
}

func tryAll(steps []limitStep) (err error) {
	for _, s := range steps {
		if *s.rate, err = rate(s.team, s.f, s.each); err != nil {
			return err
		}
	}
	return nil
}

// beside measures what a run is compared with.
func (m *limitMeter) beside(ctx context.Context) (r limitRates, err error) {
	team, done := m.pool.Pass(ctx)
	defer done()
	err = tryAll([]limitStep{{&r.mul, team, m.product.run, limitTime / 2}, {&r.float, team, mulAddOf(m.all), limitTime / 2},
		{&r.read, team, m.read.run, limitTime}})
	return r, err
}

// limits sums up what was measured beside the runs, and measures once what no run is compared with.
func (m *limitMeter) limits(ctx context.Context, beside []limitRates) (*benchLimits, error) {
	var read, mul, float []float64
	for _, r := range beside {
		read, mul, float = append(read, r.read), append(mul, r.mul), append(float, r.float)
	}
	s := spreadOf(read)
	l := &benchLimits{Threads: m.pool.Workers(), Read: s.median, ReadMin: s.min, ReadMax: s.max, Mul: spreadOf(mul).median, Float: spreadOf(float).median}
	team, done := m.pool.Pass(ctx)
	defer done()
	one := cancellable{par.Serial(), team}
	err := tryAll([]limitStep{{&l.Mul1, one, m.product.run, limitTime}, {&l.Dot, team, dotOf(m.all), limitTime},
		{&l.Dot1, one, dotOf(m.one), limitTime}, {&l.Float1, one, mulAddOf(m.one), limitTime}})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// cancellable is a team of one that ends with another.
type cancellable struct {
	seq.Team
	with seq.Team
}

func (c cancellable) Err() error { return c.with.Err() }

// mean of what was measured before and after a run.
func (r limitRates) mean(s limitRates) limitRates {
	return limitRates{(r.read + s.read) / 2, (r.mul + s.mul) / 2, (r.float + s.float) / 2}
}

// reading reads memory; its items are pieces of limitItem.
type reading struct {
	x    []float32 // ones: pages that were never written to are all the same one, which a cache holds. [limitFloats]
	sums []float32 // [pieces]
	fill bool
}

func newReading(team seq.Team, memory []byte) (*reading, error) {
	r := &reading{x: unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(memory))), limitFloats), sums: make([]float32, limitFloats/limitItem), fill: true}
	err := team.Run(len(r.sums), 1, r)
	r.fill = false
	return r, err
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

// share is the part of the limits, in percent, that a rate of tokens makes: of the bytes, weights and cache, and of the operations,
// those on int8 and on float32 each at their own limit.
func (r limitRates) share(perToken godwit.Cost, tps float64) (read, ops float64) {
	read = 100 * tps * float64(perToken.Weights+perToken.Cache) / (r.read * 1e9)
	ops = 100 * tps * (float64(perToken.IntOps)/(r.mul*1e9) + float64(perToken.FloatOps)/(r.float*1e9))
	return read, ops
}

// shares are the medians of what each repetition had of the limits beside it.
func shares(beside []limitRates, perToken godwit.Cost, tps []float64) (read, ops float64) {
	var reads, all []float64
	for i, r := range beside {
		read, ops := r.share(perToken, tps[i])
		reads, all = append(reads, read), append(all, ops)
	}
	return spreadOf(reads).median, spreadOf(all).median
}
