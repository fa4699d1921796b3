package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// eventStream is the answer of a method that streams. One goroutine writes it.
type eventStream struct {
	ctx    context.Context // ends when the caller leaves
	limit  time.Duration   // of the call; 0 is none
	w      http.ResponseWriter
	flush  func()
	buffer []byte
	// Signs of life, at the interval that Keepalive-Ping-Interval asks for; nil where none are wanted, as nothing should tick
	// in an idle guest.
	ping   <-chan time.Time
	ticker *time.Ticker
	every  time.Duration
}

// openStream begins the answer of a streaming call. Where the call is refused, that has been answered and there is no stream.
func openStream(w http.ResponseWriter, r *http.Request) *eventStream {
	if !hasKind(w, r, "application/connect+json") {
		return nil
	}
	limit, err := checkCall(r)
	stream := &eventStream{ctx: r.Context(), limit: limit, w: w, flush: flusher(w)}
	w.Header().Set("content-type", "application/connect+json")
	w.WriteHeader(http.StatusOK)
	if err != nil {
		stream.end(err)
		return nil
	}
	if seconds, err := strconv.ParseUint(r.Header.Get("keepalive-ping-interval"), 10, 16); err == nil && seconds > 0 {
		stream.every = time.Duration(seconds) * time.Second
		stream.ticker = time.NewTicker(stream.every)
		stream.ping = stream.ticker.C
	}
	return stream
}

// openStreamOf does the same for a call with one message, which it reads.
func openStreamOf(w http.ResponseWriter, r *http.Request, ask interface{}) *eventStream {
	stream := openStream(w, r)
	if stream == nil {
		return nil
	}
	if err := readOnly(r.Body, ask); err != nil {
		stream.end(err)
		stream.close()
		return nil
	}
	return stream
}

// bounded is the stream's context with the time limit of the call.
func (s *eventStream) bounded() (context.Context, context.CancelFunc) {
	if s.limit == 0 {
		return s.ctx, func() {}
	}
	return context.WithTimeout(s.ctx, s.limit)
}

// begin makes room for a message; what is appended to the buffer that it returns goes to send.
func (s *eventStream) begin() []byte {
	return append(s.buffer[:0], 0, 0, 0, 0, 0)
}

// send writes one message and pushes it out. An error says that the caller is gone.
func (s *eventStream) send(message []byte) error {
	err := s.write(message, 0)
	s.flush()
	if s.ticker != nil {
		s.ticker.Reset(s.every)
	}
	return err
}

// sendText is send for a message that is known beforehand.
func (s *eventStream) sendText(message string) error {
	return s.send(append(s.begin(), message...))
}

// write seals a message that begin began. Header and message leave in a single Write, so that they cost one packet and not two.
func (s *eventStream) write(message []byte, flags byte) error {
	s.buffer = message
	message[0] = flags
	binary.BigEndian.PutUint32(message[1:envelopeHeader], uint32(len(message)-envelopeHeader))
	_, err := s.w.Write(message)
	return err
}

// end writes the last envelope; net/http pushes it out together with the end of the body.
func (s *eventStream) end(err error) {
	text := []byte("{}")
	if err != nil {
		no := asConnectError(err)
		text, _ = json.Marshal(map[string]interface{}{"error": map[string]string{"code": string(no.code), "message": no.message}})
	}
	_ = s.write(append(s.begin(), text...), envelopeEnd)
}

// close stops the signs of life.
func (s *eventStream) close() {
	if s.ticker != nil {
		s.ticker.Stop()
	}
}
