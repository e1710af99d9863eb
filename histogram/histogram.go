package histogram

import (
	"slices"
	"time"
)

// blockCells is the number of cells in a block.
const blockCells = 16

// Histogram counts durations. It is not safe for concurrent use: its owner
// guards it. Make one with [New] and embed it by value. Do not copy it after the
// first Observe, because the copy would share its counters.
//
// The zero Histogram has no layout. It has an empty snapshot, and Observe panics.
type Histogram struct {
	layout *Layout
	sum    uint64  // of nanoseconds
	blocks []Block // the blocks in use, in order of their cells
	index  []int32 // of each block of the layout: its index in blocks, or unused; nil before the first Observe
}

// unused is the index of a block that a histogram does not have.
const unused = -1

// Block has the counts of 16 neighboring cells. Its fields are not exported, as
// only this package knows the cells.
type Block struct {
	block  int // which block of the layout: its first cell is block*blockCells
	counts [blockCells]uint64
}

// New returns an empty histogram with a layout. It allocates nothing.
func New(l *Layout) Histogram { return Histogram{layout: l} }

// Observe counts d. A negative duration counts as 0: a clock that was set back
// causes one, and the sum must not fall. Observe allocates only when it needs a
// block of cells for the first time.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.sum += uint64(d)
	cell := h.layout.cell(d)
	i := h.find(cell / blockCells)
	if i < 0 || i >= len(h.blocks) {
		i = h.add(cell / blockCells)
	}
	h.blocks[i].counts[cell%blockCells]++
}

// find returns the index in blocks of a block of the layout, or unused.
func (h *Histogram) find(block int) int {
	if block < len(h.index) {
		return int(h.index[block])
	}
	return unused
}

// add makes a block and returns its index. Blocks stay in order, so that a
// snapshot needs no sorting.
func (h *Histogram) add(block int) int {
	if h.index == nil {
		h.index = slices.Repeat([]int32{unused}, (len(h.layout.limits)-1)/blockCells+1)
	}
	i, _ := slices.BinarySearchFunc(h.blocks, block, func(b Block, block int) int { return b.block - block })
	h.blocks = slices.Insert(h.blocks, i, Block{block: block})
	for j := i; j < len(h.blocks); j++ {
		h.index[h.blocks[j].block] = int32(j)
	}
	return i
}

// Blocks returns how many blocks are in use. Snapshot copies as many.
func (h *Histogram) Blocks() int { return len(h.blocks) }

// Snapshot appends the blocks in use to buf. It returns a snapshot that reads
// them there, and the extended buf. One copy of memory does it, and it allocates
// nothing if buf has room for Blocks more. A later Observe does not change the
// snapshot. Do not reuse buf's memory while the snapshot is in use.
func (h *Histogram) Snapshot(buf []Block) (Snapshot, []Block) {
	n := len(buf)
	buf = append(buf, h.blocks...)
	return Snapshot{layout: h.layout, sum: h.sum, blocks: buf[n:]}, buf
}
