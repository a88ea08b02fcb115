// Package churn makes an inventory change by itself, at a rate that can be set while it runs.
//
// One goroutine makes every change, so the order of changes depends on the seed alone; only their times depend on the rate.
package churn

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"spandrel/tests/simulator/internal/live"
)

// tick is how often changes are made: many small steps rather than one a second.
const tick = 20 * time.Millisecond

// Tagger attaches a random tag to a random machine, or detaches one.
type Tagger interface{ TagSomething() error }

// Churn is a running source of changes.
type Churn struct {
	inventory *live.Inventory
	tagger    Tagger

	rate  chan float64
	end   chan struct{}
	ended chan struct{}

	total atomic.Int64
	mu    sync.Mutex
	acts  map[live.Act]int64
	now   float64
}

// Start begins at the rate of changes a second. tagger may be nil.
func Start(inventory *live.Inventory, tagger Tagger, rate float64) *Churn {
	c := &Churn{
		inventory: inventory,
		tagger:    tagger,
		rate:      make(chan float64),
		end:       make(chan struct{}),
		ended:     make(chan struct{}),
		acts:      make(map[live.Act]int64),
		now:       rate,
	}
	go c.run(rate)
	return c
}

// SetRate changes the rate, 0 stops changes. It returns when the change has been taken up: no change of the old rate
// comes after it.
func (c *Churn) SetRate(rate float64) {
	select {
	case c.rate <- rate:
		c.mu.Lock()
		c.now = rate
		c.mu.Unlock()
	case <-c.ended:
	}
}

// Stop ends the changes.
func (c *Churn) Stop() {
	close(c.end)
	<-c.ended
}

// Counts says how many changes there were in all and of each kind, and what the rate is.
func (c *Churn) Counts() (total int64, acts map[live.Act]int64, rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	acts = make(map[live.Act]int64, len(c.acts))
	for act, count := range c.acts {
		acts[act] = count
	}
	return c.total.Load(), acts, c.now
}

func (c *Churn) run(rate float64) {
	defer close(c.ended)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last, due := time.Now(), 0.0
	for {
		select {
		case <-c.end:
			return
		case rate = <-c.rate:
			due, last = 0, time.Now()
		case now := <-ticker.C:
			// What could not be done in time is caught up with, but at most a second's worth.
			due = min(due+rate*now.Sub(last).Seconds(), max(rate, 1))
			last = now
			for until := time.Now().Add(tick); due >= 1 && time.Now().Before(until); due-- {
				c.One()
			}
		}
	}
}

// One makes one change.
func (c *Churn) One() {
	act := c.inventory.NextAct()
	var err error
	if act == live.ActTag {
		if c.tagger == nil {
			act = live.ActGuestIP
			err = c.inventory.Do(act)
		} else {
			err = c.tagger.TagSomething()
		}
	} else {
		err = c.inventory.Do(act)
	}
	if err != nil {
		slog.Debug("a change was not made", "act", act, "error", err)
		return
	}
	c.total.Add(1)
	c.mu.Lock()
	c.acts[act]++
	c.mu.Unlock()
}
