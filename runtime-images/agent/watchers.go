package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// watchersMost is how many watchers that are asked for their events there may be.
	watchersMost = 64
	// watcherIdle is after how long one that nobody asked makes way for another.
	watcherIdle = 10 * time.Minute
	// changesMost is how many events a watcher keeps for who asks.
	changesMost = 16384
)

// watchers are those of CreateWatcher: they gather, and are asked. Their caller cannot be seen to leave.
type watchers struct {
	mu   sync.Mutex
	made uint64
	byID map[string]*watcher
}

type watcher struct {
	watch     *dirWatch
	withEntry bool

	mu      sync.Mutex
	asked   time.Time
	changes []json.RawMessage
	failed  error
}

// watcherRequest is filesystem.GetWatcherEventsRequest and RemoveWatcherRequest.
type watcherRequest struct {
	WatcherID string `json:"watcherId"`
}

// createWatcher answers filesystem.Filesystem/CreateWatcher.
func (a *agent) createWatcher(r *http.Request, ask *watchRequest) (interface{}, error) {
	if err := a.watchers.makeRoom(); err != nil {
		return nil, err
	}
	watch, err := a.openWatch(r, ask)
	if err != nil {
		return nil, err
	}
	one := &watcher{watch: watch, withEntry: ask.IncludeEntry, asked: time.Now(), changes: []json.RawMessage{}}
	id := a.watchers.add(one)
	go one.gather()
	return map[string]string{"watcherId": id}, nil
}

// makeRoom closes those that nobody asks any more, and refuses where that is not enough.
func (t *watchers) makeRoom() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, one := range t.byID {
		one.mu.Lock()
		idle := time.Since(one.asked) > watcherIdle
		one.mu.Unlock()
		if idle {
			one.watch.file.Close()
			delete(t.byID, id)
		}
	}
	if len(t.byID) >= watchersMost {
		return &connectError{code: codeResourceExhausted, message: "there are 64 watchers; remove one"}
	}
	return nil
}

func (t *watchers) add(one *watcher) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = map[string]*watcher{}
	}
	t.made++
	id := "w" + strconv.FormatUint(t.made, 10)
	t.byID[id] = one
	return id
}

// take returns a watcher; with remove it is in the list no more.
func (t *watchers) take(id string, remove bool) (*watcher, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.byID[id]
	if one == nil {
		return nil, &connectError{code: codeNotFound, message: "no such watcher: " + shortened(id)}
	}
	if remove {
		delete(t.byID, id)
	}
	return one, nil
}

// gather keeps what happens until the watch is closed.
func (w *watcher) gather() {
	err := w.watch.follow(func(change fileChange) bool {
		text := appendChange(nil, w.watch.root, change, w.withEntry)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.changes) >= changesMost {
			w.failed = &connectError{code: codeDataLoss, message: "changes came faster than they were taken, and some are lost"}
			return false
		}
		w.changes = append(w.changes, text)
		return true
	})
	w.watch.file.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
	if w.failed != nil {
		w.changes = nil
	}
}

// watcherEvents answers filesystem.Filesystem/GetWatcherEvents with what happened since it was asked last.
func (a *agent) watcherEvents(_ *http.Request, ask *watcherRequest) (interface{}, error) {
	one, err := a.watchers.take(ask.WatcherID, false)
	if err != nil {
		return nil, err
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.asked = time.Now()
	if one.failed != nil {
		return nil, one.failed
	}
	changes := one.changes
	one.changes = []json.RawMessage{}
	return map[string][]json.RawMessage{"events": changes}, nil
}

// removeWatcher answers filesystem.Filesystem/RemoveWatcher.
func (a *agent) removeWatcher(_ *http.Request, ask *watcherRequest) (interface{}, error) {
	one, err := a.watchers.take(ask.WatcherID, true)
	if err != nil {
		return nil, err
	}
	one.watch.file.Close()
	return nil, nil
}
