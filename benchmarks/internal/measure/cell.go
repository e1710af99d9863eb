package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Cell is one measurement of one contestant. A process of its own makes it, so
// that the contestant before leaves nothing behind, and so that the program of
// another checkout can make it too. The fields after For are those of one
// question or another.
type Cell struct {
	Question   string        `json:"question"`
	Setting    string        `json:"setting"` // what the tables call the circumstances
	Contestant string        `json:"contestant"`
	For        time.Duration `json:"for"`

	Work        string        `json:"work,omitempty"`
	Steps       int           `json:"steps,omitempty"` // of work that computes
	Producers   int           `json:"producers,omitempty"`
	Seed        uint64        `json:"seed,omitempty"`       // of the arrivals
	PerSecond   float64       `json:"per_second,omitempty"` // arrivals
	Tasks       int           `json:"tasks,omitempty"`
	Connections int           `json:"connections,omitempty"`
	Route       time.Duration `json:"route,omitempty"`
	Addr        string        `json:"addr,omitempty"` // of a server that runs already
}

// Figures are what a cell has measured, by metric.
type Figures map[string]float64

// The questions.
const (
	QuestionThroughput = "throughput"
	QuestionLatency    = "latency"
	QuestionMemory     = "memory"
	QuestionHTTP       = "http"
	QuestionScrape     = "scrape"
	QuestionParts      = "parts"
	QuestionConsole    = "console"
)

// Measure makes the measurement in this process. It returns no figures of a
// contestant or a question that this program does not know: a newer one asks.
func (c Cell) Measure() (Figures, error) {
	switch c.Question {
	case QuestionThroughput:
		return c.throughput(), nil
	case QuestionLatency:
		return c.latency(), nil
	case QuestionMemory:
		return c.memory(), nil
	case QuestionHTTP:
		return c.http()
	case QuestionScrape:
		return c.scrape(), nil
	case QuestionParts:
		return c.part(), nil
	case QuestionConsole:
		return c.console(), nil
	}
	return nil, nil
}

// Measurer makes measurements, as Cell.Measure does.
type Measurer func(Cell) (Figures, error)

// MeasureCommand is the argument that makes the program measure one cell.
const MeasureCommand = "measure"

// Program makes the measurements in processes of the program at path.
func Program(path string) Measurer {
	return func(c Cell) (Figures, error) {
		var figures Figures
		question, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		if err := run(path, c.For+2*time.Minute, &figures, MeasureCommand, string(question)); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.Contestant, c.Setting, err)
		}
		return figures, nil
	}
}

// Answer is the other side of Program: it measures the cell that args has, and
// writes the figures to w.
func Answer(args []string, w io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: " + MeasureCommand + " CELL")
	}
	var c Cell
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return err
	}
	figures, err := c.Measure()
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(figures)
}

// run runs a program and decodes the JSON that it writes.
func run(path string, limit time.Duration, result any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(out, result)
}
