package main

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	someEntropy   = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	someMachineID = "0123456789abcdef0123456789abcdef"
	someBootID    = "01234567-89ab-4cde-8f01-23456789abcd"
	someThaw      = "thaw 1700000000123456789 " + someEntropy + " clone-7 " + someMachineID + " " + someBootID + " 256"
)

func TestThawLineIsRead(t *testing.T) {
	var got thawRequest
	if message := parseThaw([]byte(someThaw), &got); message != "" {
		t.Fatal(message)
	}
	if got.seconds != 1700000000 || got.nanoseconds != 123456789 || got.tasks != 256 || got.entropy[1] != 0x11 || got.entropy[63] != 0xff ||
		string(got.hostname) != "clone-7" || string(got.machineID) != someMachineID || string(got.bootID) != someBootID {
		t.Fatalf("%+v", got)
	}
}

func TestMalformedThawLinesAreRefused(t *testing.T) {
	fields := strings.Split(someThaw, " ")
	with := func(i int, value string) string {
		changed := append([]string(nil), fields...)
		changed[i] = value
		return strings.Join(changed, " ")
	}
	cases := []string{
		"", " ", "thaw", "ok", someThaw + " ", someThaw + " more", " " + someThaw, strings.Join(fields[:6], " "), strings.ReplaceAll(someThaw, " ", "  "),
		someThaw + "\r", strings.ToUpper(someThaw), someThaw + "\x00",
		with(0, "freeze"),
		with(1, ""), with(1, "-1"), with(1, "1e18"), with(1, "99999999999999999999"), with(1, "9999999999999999999"), with(1, "1700000000"), with(1, "0"),
		with(2, ""), with(2, someEntropy[1:]), with(2, someEntropy+"00"), with(2, "g"+someEntropy[1:]), with(2, strings.ToUpper(someEntropy)),
		with(3, ""), with(3, strings.Repeat("a", 64)), with(3, "-a"), with(3, "a-"), with(3, "a.b"), with(3, "A"), with(3, "a/b"), with(3, "ä"),
		with(4, ""), with(4, someMachineID[1:]), with(4, someMachineID+"0"), with(4, "z"+someMachineID[1:]),
		with(5, ""), with(5, someMachineID), with(5, strings.Replace(someBootID, "-", "0", 1)), with(5, strings.ToUpper(someBootID)),
		with(6, ""), with(6, "-1"), with(6, "max"), with(6, "99999999"),
	}
	var got thawRequest
	for _, line := range cases {
		if message := parseThaw([]byte(line), &got); message == "" {
			t.Errorf("accepted: %q", line)
		}
	}
}

func TestThawLineIsReadWithoutAllocating(t *testing.T) {
	line := []byte(someThaw)
	var got thawRequest
	if n := testing.AllocsPerRun(100, func() { parseThaw(line, &got) }); n != 0 {
		t.Fatal(n)
	}
}

// record is what was done so far.
type record struct {
	mu    sync.Mutex
	steps []string
}

func (r *record) note(step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step)
}

func (r *record) done() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.steps
}

// recordedSteps notes each step; the one named fails.
func recordedSteps(done *record, failing string) thawSteps {
	note := func(step string) string {
		done.note(step)
		if strings.HasPrefix(step, failing) && failing != "" {
			return "no"
		}
		return ""
	}
	return thawSteps{
		reseed: func(entropy []byte) string { return note("reseed " + strconv.Itoa(len(entropy))) },
		setClock: func(seconds, nanoseconds int64) string {
			return note("clock " + strconv.FormatInt(seconds, 10) + "." + strconv.FormatInt(nanoseconds, 10))
		},
		identify: func(hostname, machineID, bootID []byte) string {
			return note("identity " + string(hostname) + " " + string(machineID) + " " + string(bootID))
		},
		limitTasks:  func(most int64) string { return note("limits " + strconv.FormatInt(most, 10)) },
		page:        func() string { return note("page") },
		subscribers: func() string { return note("subscribers") },
	}
}

var stepsInOrder = []string{"reseed 64", "clock 1700000000.123456789", "identity clone-7 " + someMachineID + " " + someBootID, "limits 256", "page", "subscribers"}

func TestThawStepsRunInOrder(t *testing.T) {
	var done record
	var request thawRequest
	parseThaw([]byte(someThaw), &request)
	steps := recordedSteps(&done, "")
	if step, message := steps.run(&request); step != "" || message != "" || !reflect.DeepEqual(done.done(), stepsInOrder) {
		t.Fatal(step, message, done.done())
	}
}

func TestThawLeavesTheTasksAloneWhenToldNothing(t *testing.T) {
	var done record
	var request thawRequest
	parseThaw([]byte(strings.TrimSuffix(someThaw, "256")+"0"), &request)
	steps := recordedSteps(&done, "")
	steps.run(&request)
	if steps := done.done(); len(steps) != 5 || steps[3] != "page" {
		t.Fatal(steps)
	}
}

func TestNothingHappensAfterAFailedStep(t *testing.T) {
	var request thawRequest
	parseThaw([]byte(someThaw), &request)
	for i, name := range []string{"reseed", "clock", "identity", "limits", "page", "subscribers"} {
		var done record
		steps := recordedSteps(&done, name)
		step, message := steps.run(&request)
		if step != name || message != "no" || !reflect.DeepEqual(done.done(), stepsInOrder[:i+1]) {
			t.Errorf("%s: %s %s %v", name, step, message, done.done())
		}
	}
}

func TestClockThatIsNoneIsRefusedByTheKernel(t *testing.T) {
	if message := setClock(1700000000, 2e9); message != "invalid argument" {
		t.Fatal(message)
	}
}
