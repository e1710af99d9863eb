package durable

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// choice is the condition that chooses the tasks of a page.
type choice struct {
	db    *database
	text  strings.Builder // of the query that finds their IDs
	where string          // of the query that reads them
	args  map[string]any  // by name
}

// choice returns the condition of a page. An inner query finds the IDs of the page, and nothing else. So it reads an index, and
// no tasks that are not on the page:
//
//   - of dead letters, one of our own indexes, in the order of the page
//   - of tasks in which done ones are, the primary key, because most tasks are done
//   - of other states, River's index of states. It sorts the IDs, which are those of tasks that have not ended
func (f *Filter) choice(d *database, limit int) (*choice, error) {
	c := &choice{db: d, args: make(map[string]any)}
	states, onlyDead, err := f.states()
	if err != nil {
		return nil, err
	}
	c.text.WriteString("SELECT id FROM " + d.table("river_job"))
	if d.isSQLite { // its planner knows no figures unless somebody runs ANALYZE
		c.text.WriteString(f.index(onlyDead))
	}
	c.text.WriteString(" WHERE ")
	if onlyDead {
		c.text.WriteString("state = 'discarded'") // as the indexes have it
	} else {
		c.text.WriteString("true")
		in(c, "state", states)
	}
	in(c, "id", f.IDs)
	in(c, "kind", f.Names)
	in(c, "queue", f.Queues)
	if f.Group != "" {
		c.text.WriteString(" AND " + d.sql(sqlGroup) + " = " + c.arg(f.Group))
	}
	if f.After != "" {
		before, err := strconv.ParseInt(f.After, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("durable: Filter.After is %q: use Page.Next of the page before", f.After)
		}
		c.text.WriteString(" AND id < " + c.arg(before))
	}
	order := "id"
	if len(states) > 0 && !onlyDead && !slices.Contains(f.States, StateDone) {
		order = "{{+id | id + 0}}" // not by the primary key: few of its tasks may be chosen
	}
	c.text.WriteString(d.sql(" ORDER BY "+order+" DESC LIMIT ") + strconv.Itoa(limit))
	c.where = d.sql("id {{IN (" + c.text.String() + ") | = ANY(ARRAY(" + c.text.String() + "))}}")
	return c, nil
}

// states returns River's names of the states, and reports whether they choose dead letters only.
func (f *Filter) states() (names []string, onlyDead bool, err error) {
	for i, s := range f.States {
		if s >= NumStates {
			return nil, false, fmt.Errorf("durable: Filter.States[%d] is %v", i, s)
		}
		names = append(names, string(riverStates[s]))
	}
	hasOthers := slices.ContainsFunc(f.States, func(s State) bool { return s != StateDead })
	switch {
	case f.Group != "" && len(names) > 0 && !slices.Contains(f.States, StateDead):
		return names, false, nil // nothing is both
	case f.Group != "" || len(names) > 0 && !hasOthers:
		return names, true, nil
	}
	return names, false, nil
}

// index names the index that finds the chosen tasks in their order, for SQLite; empty: its planner chooses.
func (f *Filter) index(onlyDead bool) string {
	switch {
	case len(f.IDs) > 0:
		return ""
	case !onlyDead && len(f.Names) == 0 && slices.Contains(f.States, StateDone):
		return " NOT INDEXED" // but by the primary key
	case !onlyDead:
		return ""
	case f.Group != "":
		return " INDEXED BY afterglow_dead_group"
	case len(f.Names) > 0:
		return " INDEXED BY afterglow_dead_name"
	case len(f.Queues) > 0:
		return " INDEXED BY afterglow_dead_queue"
	}
	return " INDEXED BY afterglow_dead"
}

// arg adds an argument, and returns what stands for it.
func (c *choice) arg(v any) string {
	name := "afterglow_" + strconv.Itoa(len(c.args))
	c.args[name] = v
	return "@" + name
}

// in adds the condition that a column has one of the values; none: any.
func in[T any](c *choice, column string, values []T) {
	if len(values) == 0 {
		return
	}
	cast := ""
	if column == "state" && !c.db.isSQLite {
		cast = "::text::" + c.db.table("river_job_state")
	}
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = c.arg(v) + cast
	}
	c.text.WriteString(" AND " + column)
	if len(list) == 1 { // of one value an index has all IDs in order
		c.text.WriteString(" = " + list[0])
		return
	}
	c.text.WriteString(" IN (" + strings.Join(list, ", ") + ")")
}
