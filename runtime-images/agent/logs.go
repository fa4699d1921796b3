package main

import (
	"sync"
	"time"
)

const (
	// ringBytes bounds what the ring keeps, in bytes of lines with their overhead.
	ringBytes = 1 << 20
	// entryOverhead is what an entry is counted for beside its text, so that empty lines cannot fill the memory.
	entryOverhead = 64
)

// logEntry is a line that the supervised process wrote.
type logEntry struct {
	Seq    uint64    // counts from 1 and never repeats; a gap is what was dropped
	Time   time.Time // when the line was read, guest wall clock
	Stream string    // stdout or stderr
	Line   string
	Part   bool // the line was cut here and goes on in the next entry of its stream
}

// logRing keeps the newest lines. The oldest fall out when it is full.
type logRing struct {
	mu      sync.Mutex
	entries []logEntry
	bytes   int
	limit   int
	last    uint64        // sequence number of the newest entry ever
	more    chan struct{} // closed when an entry arrives; nil while nobody waits
	now     func() time.Time
}

func newLogRing(limit int, now func() time.Time) *logRing {
	return &logRing{limit: limit, now: now}
}

// add keeps a line and wakes those who follow.
func (l *logRing) add(stream, line string, part bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.entries = append(l.entries, logEntry{l.last, l.now(), stream, line, part})
	l.bytes += len(line) + entryOverhead
	drop := 0
	for l.bytes > l.limit {
		l.bytes -= len(l.entries[drop].Line) + entryOverhead
		l.entries[drop] = logEntry{} // let go of the text at once; the slot goes when append moves the rest
		drop++
	}
	l.entries = l.entries[drop:]
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

// after returns what is kept beyond seq, and a channel that closes when there is more.
func (l *logRing) after(seq uint64) ([]logEntry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more == nil {
		l.more = make(chan struct{})
	}
	start := len(l.entries)
	for start > 0 && l.entries[start-1].Seq > seq {
		start--
	}
	return append([]logEntry(nil), l.entries[start:]...), l.more
}

// clear forgets the lines; numbers go on from where they were.
func (l *logRing) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.bytes = nil, 0
}
