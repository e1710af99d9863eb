package console

import (
	"fmt"
	"time"
)

// verdicts says what is wrong with the queue, by what was read last.
func (d *durable) verdicts() (found []Verdict) {
	s := d.state()
	add := func(v Verdict) { found = append(found, d.console.withAlert(v)) }
	if s.Problem != "" {
		add(Verdict{Level: Watch, Text: fmt.Sprintf("%s cannot be read", d.Name), Why: s.Problem, Link: "durable", LinkText: d.Name})
	}
	if s.At.IsZero() || time.Since(s.At) > durableOld {
		return found
	}
	for _, q := range s.Queues {
		for _, st := range q.States {
			if st.State == "due" && st.Age > dueIsOld && !q.Paused {
				add(d.overdue(q, st))
			}
		}
	}
	if v, ok := d.deadLetters(s); ok {
		add(v)
	}
	return found
}

// overdue is of a task that waits. A task that has been due for a time was due for less,
// and no less, all that time.
func (d *durable) overdue(q DurableQueue, due DurableState) Verdict {
	v := Verdict{
		Level: Watch, Text: fmt.Sprintf("A task of %s, queue %s, has been due for %s", d.Name, clean(q.Name, maxName), human(due.Age)),
		Do: "Look whether workers run.", Link: "durable", LinkText: d.Name,
	}
	if due.Age > dueTooOld {
		v.Alert, v.Level = "AfterglowDurableOldestTooOld", level(Warning, due.Age-dueTooOld, dueTooOldFor)
	}
	return v
}

func (d *durable) deadLetters(s durableFigures) (v Verdict, ok bool) {
	dead, more := 0, false
	for _, q := range s.Queues {
		for _, st := range q.States {
			if st.State == "dead" {
				dead, more = dead+st.Count, more || st.More
			}
		}
	}
	v = Verdict{
		Level: Watch, Text: fmt.Sprintf("%s of %s", things(dead, "dead letter"), d.Name),
		Do: "Mend what they failed of, then retry the group.", Link: "durable", LinkText: "The dead letters",
	}
	if more {
		v.Text = "At least " + v.Text
	}
	for i, g := range s.Dead.Groups {
		if time.Since(g.Last) <= deadWindow {
			v.Level, v.Alert = Warning, "AfterglowDurableDeadLetters"
		}
		if i > 0 {
			continue
		}
		v.Callback = clean(g.Name, maxName)
		v.Why = fmt.Sprintf("Most are %s: %s", v.Callback, clean(g.Error, maxRef))
		if d.Letters != nil {
			v.Link, v.LinkText = page("letters", "queue", d.Name, "group", g.ID), "Most of them"
		}
	}
	return v, dead > 0
}
