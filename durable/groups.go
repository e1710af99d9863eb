package durable

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

type deadRow struct {
	Name  string `json:"name"`
	Group string `json:"failure"`
	Error string `json:"error"`
	Ended clock  `json:"ended"`
}

// sqlDead reads the newest dead letters, without their payloads.
var sqlDead = "SELECT " + object("'name'", "kind", "'failure'", sqlGroup,
	"'error'", "{{substr(json_extract(errors, '$[#-1].error'), 1, 500) | left(errors[array_upper(errors, 1)] ->> 'error', 500)}}", "'ended'", "finalized_at") +
	" FROM {job} {{INDEXED BY %s | }} WHERE state = 'discarded' AND finalized_at IS NOT NULL AND %s ORDER BY finalized_at DESC LIMIT %d"

func (c *core) failures(ctx context.Context, f Filter) (all Failures, err error) {
	condition, args := "true", []any(nil)
	for column, values := range map[string][]string{"kind": f.Names, "queue": f.Queues} {
		if len(values) == 0 {
			continue
		}
		list := ""
		for _, v := range values {
			args = append(args, v)
			list += fmt.Sprintf(", $%d", len(args))
		}
		condition += " AND " + column + " IN (" + list[2:] + ")"
	}
	index := "river_job_state_and_finalized_at_index"
	switch {
	case len(f.Names) > 0:
		index = "afterglow_dead_name_ended"
	case len(f.Queues) > 0:
		index = "afterglow_dead_queue_ended"
	}
	var rows []deadRow
	if err := c.db.all(ctx, c.db.reads, fmt.Sprintf(sqlDead, index, condition, MaxFailures+1), args, &rows); err != nil {
		return Failures{}, fmt.Errorf("durable: failures: %w", err)
	}
	if len(rows) > MaxFailures {
		rows, all.More = rows[:MaxFailures], true
	}
	all.Looked = len(rows)
	groups := make(map[string]*FailureGroup)
	for _, r := range rows { // the newest first
		g := groups[r.Group+" "+r.Name]
		if g == nil {
			g = &FailureGroup{ID: r.Group, Name: r.Name, Error: r.Error, Last: time.Time(r.Ended)}
			groups[r.Group+" "+r.Name] = g
		}
		g.Count++
		g.First = time.Time(r.Ended)
	}
	for _, g := range groups {
		all.Groups = append(all.Groups, *g)
	}
	slices.SortFunc(all.Groups, func(a, b FailureGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	all.Groups = all.Groups[:min(len(all.Groups), MaxGroups)]
	return all, nil
}
