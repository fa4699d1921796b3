package main

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
)

// A body of a stream is a row of envelopes:
//
//	+--------+---------------------+------------------+
//	| flags  | length (big endian) | message          |
//	| 1 byte | 4 bytes             | `length` bytes   |
//	+--------+---------------------+------------------+
//
// Flag 1: the message is compressed, which is not understood here. Flag 2: the end of the stream; its message is {} or
// {"error":{"code":"...","message":"..."}}, and nothing follows.
const (
	envelopeHeader = 5 // bytes of flags and length
	envelopeEnd    = 2
)

// readEnvelope reads one message. io.EOF says that the body ended between two of them, as it should.
func readEnvelope(from io.Reader) ([]byte, error) {
	var header [envelopeHeader]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, invalidArgument("the stream broke off")
	}
	if header[0] != 0 {
		return nil, &connectError{code: codeUnimplemented, message: "envelope flags are not understood here: " + strconv.Itoa(int(header[0]))}
	}
	size := binary.BigEndian.Uint32(header[1:])
	if size > bodyLimit {
		return nil, &connectError{code: codeResourceExhausted, message: "the message is larger than 8 MiB"}
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, invalidArgument("the stream broke off")
	}
	return message, nil
}

// readOnly reads a body of exactly one message.
func readOnly(body io.Reader, ask interface{}) error {
	message, err := readEnvelope(body)
	if errors.Is(err, io.EOF) {
		return invalidArgument("a message is missing")
	}
	if err != nil {
		return err
	}
	// To the end: net/http notices that a caller hung up only once it has read the whole body.
	if n, _ := io.Copy(io.Discard, io.LimitReader(body, 1)); n != 0 {
		return invalidArgument("more than one message")
	}
	return parseMessage(message, ask)
}
