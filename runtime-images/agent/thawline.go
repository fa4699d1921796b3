package main

// The request line of the thaw port, ASCII, fields parted by one space:
//
//	thaw <unix-nanoseconds> <entropy> <hostname> <machine-id> <boot-id> <tasks-max>\n
//	     |                  |         |          |            |         `- decimal, 0: leave as it is
//	     |                  |         |          |            `----------- UUID, lower case
//	     |                  |         |          `------------------------ 32 lower case hex digits
//	     |                  |         `----------------------------------- DNS label, 1..63 characters
//	     |                  `--------------------------------------------- 64 bytes as 128 lower case hex digits
//	     `---------------------------------------------------------------- decimal, the wall clock
//
// It is parsed by hand and without allocating: a thaw runs under an emulator that translates every instruction when it is
// first met, so the little that runs should be little.
const (
	entropySize    = 64
	hostnameMost   = 63
	machineIDSize  = 32
	bootIDSize     = 36
	thawLineMost   = 512
	tasksMost      = 1 << 22      // the kernel's own bound on process ids
	earliestSecond = 1577836800   // 2020-01-01: a clock before this is a mistake
	latestSecond   = 253402300799 // 9999-12-31
)

// thawRequest is a parsed line. Its slices point into the line.
type thawRequest struct {
	seconds     int64
	nanoseconds int64
	entropy     [entropySize]byte
	hostname    []byte
	machineID   []byte
	bootID      []byte
	tasks       int64
}

// parseThaw reads a line without its line break and returns what is wrong with it, or nothing.
func parseThaw(line []byte, into *thawRequest) string {
	word, rest := nextWord(line)
	if string(word) != "thaw" {
		return "line does not begin with thaw"
	}
	word, rest = nextWord(rest)
	clock := decimal(word)
	into.seconds, into.nanoseconds = clock/1e9, clock%1e9
	if clock < 0 || into.seconds < earliestSecond || into.seconds > latestSecond {
		return "bad clock"
	}
	word, rest = nextWord(rest)
	if !fromHex(into.entropy[:], word) {
		return "bad entropy"
	}
	if into.hostname, rest = nextWord(rest); !isLabel(into.hostname) {
		return "bad hostname"
	}
	if into.machineID, rest = nextWord(rest); len(into.machineID) != machineIDSize || !isHex(into.machineID) {
		return "bad machine id"
	}
	if into.bootID, rest = nextWord(rest); !isUUID(into.bootID) {
		return "bad boot id"
	}
	word, rest = nextWord(rest)
	into.tasks = decimal(word)
	if into.tasks < 0 || into.tasks > tasksMost {
		return "bad tasks-max"
	}
	if rest != nil {
		return "too many fields"
	}
	return ""
}

// nextWord cuts at the first space. rest is nil when there was none.
func nextWord(line []byte) (word, rest []byte) {
	for i, c := range line {
		if c == ' ' {
			return line[:i], line[i+1:]
		}
	}
	return line, nil
}

// decimal reads digits and nothing else; -1 is what it says to anything else.
func decimal(word []byte) int64 {
	if len(word) == 0 || len(word) > 19 {
		return -1
	}
	var value int64
	for _, c := range word {
		if c < '0' || c > '9' {
			return -1
		}
		value = value*10 + int64(c-'0')
	}
	return value // 19 digits may wrap, which shows as a negative number or, for a clock, as nothing worse than a wrong one
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

func fromHex(into, word []byte) bool {
	if len(word) != 2*len(into) {
		return false
	}
	for i := range into {
		high, low := nibble(word[2*i]), nibble(word[2*i+1])
		if high < 0 || low < 0 {
			return false
		}
		into[i] = byte(high<<4 | low)
	}
	return true
}

func isHex(word []byte) bool {
	for _, c := range word {
		if nibble(c) < 0 {
			return false
		}
	}
	return true
}

func isUUID(word []byte) bool {
	if len(word) != bootIDSize {
		return false
	}
	for i, c := range word {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if nibble(c) < 0 {
			return false
		}
	}
	return true
}

func isLabel(word []byte) bool {
	if len(word) == 0 || len(word) > hostnameMost || word[0] == '-' || word[len(word)-1] == '-' {
		return false
	}
	for _, c := range word {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}
