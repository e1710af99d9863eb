package query

import "hash/fnv"

// PanelID is the id of the panel, or row, with a title. No two panels of a
// dashboard have one title, so a link with viewPanel leads to the same panel
// whatever is added to the dashboard.
func PanelID(title string) uint32 {
	const ids = 1 << 20 // short enough for a link
	h := fnv.New32a()
	_, _ = h.Write([]byte(title)) // it cannot fail
	return 1 + h.Sum32()%ids
}
