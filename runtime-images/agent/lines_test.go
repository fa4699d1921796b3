package main

import (
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func linesOf(t *testing.T, text string) (lines []string, parts []bool) {
	t.Helper()
	err := copyLines(iotest.OneByteReader(strings.NewReader(text)), func(line string, part bool) {
		lines, parts = append(lines, line), append(parts, part)
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, parts
}

func TestLinesKeepWhatStandsBetweenBreaks(t *testing.T) {
	lines, _ := linesOf(t, "a\n\nb c\r\nlast")
	if !reflect.DeepEqual(lines, []string{"a", "", "b c", "last"}) {
		t.Fatalf("%q", lines)
	}
}

func TestLongLineIsCutAndMarked(t *testing.T) {
	long := strings.Repeat("x", 2*lineLimit+10)
	lines, parts := linesOf(t, long+"\nnext\n")
	if len(lines) != 4 || strings.Join(lines[:3], "") != long || len(lines[0]) != lineLimit || lines[3] != "next" {
		t.Fatalf("%d lines", len(lines))
	}
	if !reflect.DeepEqual(parts, []bool{true, true, false, false}) {
		t.Fatal(parts)
	}
}
