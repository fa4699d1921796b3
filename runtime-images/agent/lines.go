package main

import (
	"bytes"
	"io"
)

// lineLimit is the longest entry of the log, in bytes; a longer line is cut into several.
const lineLimit = 16 << 10

// copyLines reads `from` to its end and hands over each line without its line break. A line of more than lineLimit bytes comes in
// pieces, all but its last with part set. What stands before the end without a line break counts as a line.
func copyLines(from io.Reader, take func(line string, part bool)) error {
	buffer := make([]byte, 0, lineLimit)
	for {
		n, err := from.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		rest := buffer
		for {
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				break
			}
			take(string(bytes.TrimSuffix(rest[:end], []byte{'\r'})), false)
			rest = rest[end+1:]
		}
		if len(rest) == cap(buffer) {
			take(string(rest), true)
			rest = nil
		}
		buffer = buffer[:copy(buffer, rest)]
		if err != nil {
			if len(buffer) > 0 {
				take(string(buffer), false)
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
