package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

type line struct {
	at   time.Time
	text string
}

// instance is one start of a container, with what it wrote.
type instance struct {
	id       string
	started  time.Time
	restarts int32
	every    time.Duration

	mu       sync.Mutex
	first    []line
	last     []line
	finished time.Time
}

func (r *run) newInstance(container string, p plan, env map[string]string, restarts int32) *instance {
	now := time.Now()
	b := &instance{id: containerID(), started: now, restarts: restarts, every: p.logEvery}
	switch {
	case p.behaviour == "start-error" || p.behaviour == "cannot-run":
		b.every = 0
	case p.hasLogs:
		b.say(now, strings.Split(strings.TrimSuffix(p.logs, "\n"), "\n")...)
	default:
		b.say(now, fmt.Sprintf("INFO starting %s project=%s build=%s", container, env["PROJECT"], env["BUILD"]),
			fmt.Sprintf("INFO configuration read from the environment: %d variables", len(env)),
			"INFO listening on :8080")
	}
	for i := 1; i <= p.logLines; i++ {
		b.say(now, fmt.Sprintf("INFO filler line %d of %d", i, p.logLines))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(r.instances[container], b)
	// A kubelet keeps the log of the instance before, too; one more covers the moment of a change.
	r.instances[container] = all[max(0, len(all)-3):]
	return b
}

func (b *instance) say(at time.Time, lines ...string) {
	for _, text := range lines {
		b.first = append(b.first, line{at.Add(time.Duration(len(b.first)) * time.Millisecond), text})
	}
}

func (b *instance) end(p plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished = time.Now()
	if p.hasLogs || p.exitCode == 0 {
		return
	}
	if p.behaviour == "crash-loop" || p.behaviour == "crash-after" {
		b.last = []line{
			{b.finished, "ERROR cannot open the database: dial tcp 10.96.0.20:5432: connect: connection refused"},
			{b.finished, "panic: cannot open the database"},
		}
	}
}

// finish is called with the run's lock held.
func (r *run) finish(container string) {
	if all := r.instances[container]; len(all) > 0 {
		all[len(all)-1].end(plan{})
	}
}

// text is everything written so far, and whether more can come. Regular lines are worked out from the time.
func (b *instance) text() ([]line, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := time.Now()
	if !b.finished.IsZero() {
		until = b.finished
	}
	out := append([]line{}, b.first...)
	if b.every > 0 {
		n := int(until.Sub(b.started) / b.every)
		for i := max(1, n-2000); i <= n; i++ {
			out = append(out, line{b.started.Add(time.Duration(i) * b.every), fmt.Sprintf("INFO handled %d requests", i*7)})
		}
	}
	return append(out, b.last...), b.finished.IsZero()
}

func (b *instance) lastWords() string {
	lines, _ := b.text()
	var out []string
	for _, l := range lines[max(0, len(lines)-10):] {
		out = append(out, l.text)
	}
	return strings.Join(out, "\n") + "\n"
}
