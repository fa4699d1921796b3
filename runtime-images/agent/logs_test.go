package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRingDropsTheOldestAndLeavesAGap(t *testing.T) {
	ring := newLogRing(10*(entryOverhead+10), time.Now)
	for i := 0; i < 100; i++ {
		ring.add("stdout", strings.Repeat("x", 10), false)
	}
	entries, _ := ring.after(0)
	if len(entries) != 10 || entries[0].Seq != 91 || entries[9].Seq != 100 {
		t.Fatalf("%d entries from %d", len(entries), entries[0].Seq)
	}
	if entries, _ := ring.after(98); len(entries) != 2 {
		t.Fatal("after does not skip what was seen")
	}
}

func TestRingNeverHoldsMoreThanItsLimit(t *testing.T) {
	ring := newLogRing(ringBytes, time.Now)
	for i := 0; i < 1000; i++ {
		ring.add("stdout", strings.Repeat("x", lineLimit), false)
		if ring.bytes > ringBytes {
			t.Fatal(ring.bytes)
		}
	}
}

func TestClearedRingCountsOn(t *testing.T) {
	ring := newLogRing(ringBytes, time.Now)
	ring.add("stdout", "a", false)
	ring.clear()
	if entries, _ := ring.after(0); len(entries) != 0 {
		t.Fatal("not cleared")
	}
	ring.add("stdout", "b", false)
	if entries, _ := ring.after(0); len(entries) != 1 || entries[0].Seq != 2 {
		t.Fatal(entries)
	}
}

func TestLogsAreNDJSONWithMilliseconds(t *testing.T) {
	a := newTestAgent(t)
	a.agent.logs.now = func() time.Time { return time.Date(2024, 1, 2, 3, 4, 5, 678900000, time.FixedZone("", 3600)) }
	a.agent.logs.add("stderr", "a <b> \xff", false)
	a.agent.logs.add("stdout", "half", true)
	_, body := a.ask("GET", "/logs", nil)
	want := `{"seq":1,"time":"2024-01-02T02:04:05.678Z","stream":"stderr","line":"a <b> \ufffd"}` + "\n" +
		`{"seq":2,"time":"2024-01-02T02:04:05.678Z","stream":"stdout","line":"half","part":true}` + "\n"
	if string(body) != want {
		t.Fatalf("%s", body)
	}
	if _, body := a.ask("GET", "/logs?after=2", nil); len(body) != 0 {
		t.Fatalf("%s", body)
	}
	a.want(http.StatusBadRequest, "GET", "/logs?after=x", nil, nil)
	a.want(http.StatusNoContent, "POST", "/logs/clear", nil, nil)
	if _, body := a.ask("GET", "/logs", nil); len(bytes.TrimSpace(body)) != 0 {
		t.Fatalf("%s", body)
	}
}

func TestFollowedLogsArriveAsTheyAreWritten(t *testing.T) {
	a := newTestAgent(t)
	a.agent.logs.add("stdout", "before", false)
	response, err := http.Get(a.url + "/logs?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for i, want := range []string{"before", "then", "later"} {
		if i > 0 {
			a.agent.logs.add("stdout", want, false)
		}
		var got logLine
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &got) != nil || got.Line != want {
			t.Fatalf("%q, wanted %q", lines.Text(), want)
		}
	}
}
