package main

import "unicode/utf8"

// startMessage is a process.StartRequest being read. Only its plain form is: known fields, no escapes but the short ones. Whatever
// else may be in it, encoding/json reads it, and has the errors for it.
type startMessage struct {
	text []byte
	at   int
}

// parseStartMessage tells whether a message is plain and asks for what a plain start does.
func parseStartMessage(text []byte, into *startRequest) bool {
	m := &startMessage{text: text}
	stdin, process := true, false
	ok := m.object(func(key string) bool {
		switch key {
		case "process":
			process = true
			return m.process(&into.Process)
		case "stdin":
			return m.boolean(&stdin)
		case "thaw":
			return m.object(func(key string) bool {
				switch key {
				case "attached":
					return m.boolean(&into.Thaw.Attached)
				case "maxOutputBytes":
					return m.number(&into.Thaw.MaxOutputBytes)
				}
				return false
			})
		}
		return false
	})
	into.Stdin = &stdin
	return ok && m.at == len(m.text) && utf8.Valid(text) && process && !stdin && into.Thaw.Attached
}

func (m *startMessage) process(into *processConfig) bool {
	return m.object(func(key string) bool {
		switch key {
		case "cmd":
			return m.quoted(&into.Cmd)
		case "cwd":
			into.Cwd = new(string)
			return m.quoted(into.Cwd)
		case "args":
			return m.list(func() bool {
				var word string
				ok := m.quoted(&word)
				into.Args = append(into.Args, word)
				return ok
			})
		case "envs":
			into.Envs = map[string]string{}
			return m.object(func(name string) bool {
				var value string
				ok := m.quoted(&value)
				into.Envs[name] = value
				return ok
			})
		}
		return false
	})
}

// is takes one byte if it is the next one. There is no white space in a plain message.
func (m *startMessage) is(c byte) bool {
	if m.at < len(m.text) && m.text[m.at] == c {
		m.at++
		return true
	}
	return false
}

func (m *startMessage) word(word string) bool {
	if len(m.text)-m.at < len(word) || string(m.text[m.at:m.at+len(word)]) != word {
		return false
	}
	m.at += len(word)
	return true
}

func (m *startMessage) object(member func(key string) bool) bool {
	if !m.is('{') {
		return false
	}
	if m.is('}') {
		return true
	}
	for {
		var key string
		if !m.quoted(&key) || !m.is(':') || !member(key) {
			return false
		}
		if !m.is(',') {
			return m.is('}')
		}
	}
}

func (m *startMessage) list(item func() bool) bool {
	if !m.is('[') {
		return false
	}
	if m.is(']') {
		return true
	}
	for item() {
		if !m.is(',') {
			return m.is(']')
		}
	}
	return false
}

func (m *startMessage) boolean(into *bool) bool {
	if m.word("true") {
		*into = true
		return true
	}
	*into = false
	return m.word("false")
}

func (m *startMessage) number(into *int64) bool {
	from := m.at
	for m.at < len(m.text) && m.text[m.at] >= '0' && m.text[m.at] <= '9' {
		m.at++
	}
	digits := m.text[from:m.at]
	number, ok := plainNumber(digits)
	*into = int64(number)
	return ok && (digits[0] != '0' || len(digits) == 1)
}

// quoted reads a string.
func (m *startMessage) quoted(into *string) bool {
	if !m.is('"') {
		return false
	}
	from := m.at
	for m.at < len(m.text) {
		switch c := m.text[m.at]; {
		case c == '"':
			*into = string(m.text[from:m.at])
			m.at++
			return true
		case c == '\\':
			return m.escaped(from, into)
		case c < ' ':
			return false
		}
		m.at++
	}
	return false
}

// escaped reads the rest of a string that began at from and has an escape here.
func (m *startMessage) escaped(from int, into *string) bool {
	bytes := append([]byte(nil), m.text[from:m.at]...)
	for m.at < len(m.text) {
		c := m.text[m.at]
		m.at++
		switch {
		case c == '"':
			*into = string(bytes)
			return true
		case c < ' ':
			return false
		case c == '\\' && m.at < len(m.text):
			c = m.text[m.at]
			m.at++
			switch c {
			case '"', '\\', '/':
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			default:
				return false
			}
		}
		bytes = append(bytes, c)
	}
	return false
}
