package histogram

// Sub returns a new snapshot with the durations that were observed after an earlier
// snapshot of the same histogram. It shares no memory with either. It reports false, and
// the zero Snapshot, if o is not an earlier one: then s does not have all that o has. The
// zero Snapshot is earlier than any.
func (s Snapshot) Sub(o Snapshot) (Snapshot, bool) {
	if o.layout == nil {
		return Snapshot{}.Add(s)
	}
	if s.layout != o.layout || s.sum < o.sum {
		return Snapshot{}, false
	}
	later := Snapshot{layout: s.layout, sum: s.sum - o.sum, blocks: make([]Block, 0, len(s.blocks))}
	before := o.blocks
	for _, b := range s.blocks {
		if len(before) > 0 && before[0].block < b.block {
			return Snapshot{}, false
		}
		if len(before) == 0 || before[0].block > b.block {
			later.blocks = append(later.blocks, b)
			continue
		}
		for i, n := range before[0].counts {
			if n > b.counts[i] {
				return Snapshot{}, false
			}
			b.counts[i] -= n
		}
		if b.counts != [blockCells]uint64{} {
			later.blocks = append(later.blocks, b)
		}
		before = before[1:]
	}
	if len(before) > 0 {
		return Snapshot{}, false
	}
	return later, true
}
