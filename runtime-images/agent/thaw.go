package main

// thawSteps is what has to happen after a thaw, in the order of its fields, before anything else may. Each returns what went
// wrong, or nothing. The steps are values so that a test can take a kernel's place, or make one fail.
type thawSteps struct {
	reseed      func(entropy []byte) string
	setClock    func(seconds, nanoseconds int64) string
	identify    func(hostname, machineID, bootID []byte) string
	limitTasks  func(most int64) string
	page        func() string
	subscribers func() string
}

// run does the steps. At the first that fails it stops and names it: a clone that is half renewed must never answer a request,
// and the host destroys it.
func (s *thawSteps) run(request *thawRequest) (step, message string) {
	if message = s.reseed(request.entropy[:]); message != "" {
		return "reseed", message
	}
	if message = s.setClock(request.seconds, request.nanoseconds); message != "" {
		return "clock", message
	}
	if message = s.identify(request.hostname, request.machineID, request.bootID); message != "" {
		return "identity", message
	}
	if request.tasks > 0 {
		if message = s.limitTasks(request.tasks); message != "" {
			return "limits", message
		}
	}
	if message = s.page(); message != "" {
		return "page", message
	}
	if message = s.subscribers(); message != "" {
		return "subscribers", message
	}
	return "", ""
}
