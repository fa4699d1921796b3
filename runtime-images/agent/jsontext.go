package main

import "unicode/utf8"

// appendJSON appends text as a JSON string. Package encoding/json does the same by way of reflection, which is dear where
// every instruction is run for the first time. What is no UTF-8 becomes U+FFFD, as JSON holds nothing else.
func appendJSON(to []byte, text string) []byte {
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
			i++
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			i++
		case c < utf8.RuneSelf:
			to = append(to, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				to = append(to, "\ufffd"...)
			} else {
				to = append(to, text[i:i+size]...)
			}
			i += size
		}
	}
	return append(to, '"')
}
