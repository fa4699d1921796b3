package main

import (
	"os"
	"strconv"
	"time"
)

// timestamp reads the processor's time-stamp counter.
func timestamp() uint64

// printFrequency tells how fast the time-stamp counter runs, in kHz. The emulator
// hands the guest this counter, but leaves it to the guest to find its frequency
// against an emulated timer, which fails on a busy machine; so the guest is told.
// Of several short samples the median is free of what the scheduler did to one.
func printFrequency() {
	const samples, length = 9, 20 * time.Millisecond
	found := make([]uint64, 0, samples)
	for len(found) < samples {
		began, first := time.Now(), timestamp()
		time.Sleep(length)
		elapsed, last := time.Since(began), timestamp()
		khz := (last - first) * 1_000_000 / uint64(elapsed.Nanoseconds())
		at := len(found)
		for at > 0 && found[at-1] > khz {
			at--
		}
		found = append(found, 0)
		copy(found[at+1:], found[at:])
		found[at] = khz
	}
	os.Stdout.WriteString(strconv.FormatUint(found[samples/2], 10) + "\n")
}
