package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// A log answer is NDJSON, one entry a line:
//
//	{"seq":7,"time":"2024-01-02T03:04:05.678Z","stream":"stdout","line":"..."}
//
// "part":true is added when the line was cut there and goes on in the next entry of the same stream.
type logLine struct {
	Seq    uint64 `json:"seq"`
	Time   string `json:"time"`
	Stream string `json:"stream"`
	Line   string `json:"line"`
	Part   bool   `json:"part,omitempty"`
}

// logTime is RFC 3339 in UTC with milliseconds.
const logTime = "2006-01-02T15:04:05.000Z"

// streamLogs answers GET /logs?after=SEQ&follow=1.
func (a *agent) streamLogs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var seq uint64
	if text := query.Get("after"); text != "" {
		var err error
		if seq, err = strconv.ParseUint(text, 10, 64); err != nil {
			answerError(w, badRequest("after must be a sequence number"))
			return
		}
	}
	follow := query.Get("follow") == "1"
	w.Header().Set("content-type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	flush := flusher(w)
	flush()
	for {
		entries, more := a.logs.after(seq)
		if len(entries) > 0 {
			seq = entries[len(entries)-1].Seq
			if _, err := w.Write(encodeLog(entries)); err != nil {
				return
			}
			flush()
		}
		if !follow {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// encodeLog writes entries as NDJSON. What is no UTF-8 becomes U+FFFD, as JSON holds nothing else.
func encodeLog(entries []logEntry) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, entry := range entries {
		_ = encoder.Encode(logLine{entry.Seq, entry.Time.UTC().Format(logTime), entry.Stream, entry.Line, entry.Part})
	}
	return out.Bytes()
}

// clearLogs answers POST /logs/clear.
func (a *agent) clearLogs(w http.ResponseWriter, _ *http.Request) {
	a.logs.clear()
	w.WriteHeader(http.StatusNoContent)
}
