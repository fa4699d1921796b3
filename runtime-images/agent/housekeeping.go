package main

import "os"

// housekeeping is what a kernel does every now and then by itself, and a guest that lives for seconds has no use for. Each of
// these timers is due right after a thaw, in front of the first request: 2,400 pieces of code that an emulator has to
// translate (measured), 18 ms.
var housekeeping = [...]struct{ file, value string }{
	{"/proc/sys/vm/stat_interval", "3600"},             // seconds between foldings of the per-CPU counters
	{"/proc/sys/vm/compaction_proactiveness", "0"},     // no compaction before it is needed
	{"/proc/sys/kernel/watchdog", "0"},                 // a guest that hangs is found out from outside
	{"/sys/block/vda/queue/wbt_lat_usec", "0"},         // the host decides how writes are spread in time
	{"/proc/sys/vm/dirty_writeback_centisecs", "1500"}, // three times the usual 5 s; syncs and freezes write at once
}

// quietKernel turns it down. A kernel without one of these has nothing to turn down.
func quietKernel() {
	for _, one := range housekeeping {
		if err := os.WriteFile(one.file, []byte(one.value), 0); err != nil && !os.IsNotExist(err) {
			complain(err) // slower, not wrong
		}
	}
}
