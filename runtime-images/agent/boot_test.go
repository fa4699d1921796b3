package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// rootOfBoot names, in the environment of the child below, the folder that becomes its root.
const rootOfBoot = "THAW_AGENT_TEST_ROOT"

// TestBootMakesAGuest boots for real in namespaces of its own: mounts, names and a network that nobody else sees.
func TestBootMakesAGuest(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make namespaces")
	}
	child := exec.Command("/proc/self/exe", "-test.run=^TestInsideOfBoot$", "-test.v")
	child.Env = []string{rootOfBoot + "=" + t.TempDir()}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS}
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// TestInsideOfBoot is the child of the test above and nothing by itself.
func TestInsideOfBoot(t *testing.T) {
	root := os.Getenv(rootOfBoot)
	if root == "" {
		t.Skip("only as a child")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("tmpfs", root, "tmpfs", 0, ""))
	writeTestFile(t, filepath.Join(root, "etc", "hosts"), "127.0.0.1 localhost\n127.0.1.1 old-name\n10.1.2.3 kept")
	writeTestFile(t, filepath.Join(root, "etc", "machine-id"), "uninitialized, and a good deal longer than an id is\n")
	must(os.Mkdir(filepath.Join(root, "dev"), 0o755))
	must(syscall.Mount("tmpfs", filepath.Join(root, "dev"), "tmpfs", 0, "")) // the machine's own devices stay out of it
	must(syscall.Mknod(filepath.Join(root, "dev", "random"), syscall.S_IFCHR|0o666, 1<<8|8))
	must(syscall.Chroot(root))
	must(os.Chdir("/"))
	must(mount{"proc", "/proc", "proc", plainer, ""}.ensure()) // as an initramfs may have done
	makeCard(t, guestLink)

	id, err := boot()
	must(err)
	if name, _ := os.Hostname(); name != "thaw" {
		t.Error(name)
	}
	if got := readTestFile(t, "/etc/machine-id"); !regexp.MustCompile(`^[0-9a-f]{32}\n$`).MatchString(got) {
		t.Errorf("%q", got)
	}
	for _, place := range []string{"/sys/kernel", "/dev/pts/ptmx", "/dev/fd/0", "/dev/shm", "/tmp", agentDir} {
		if _, err := os.Stat(place); err != nil {
			t.Error(err)
		}
	}
	if info, _ := os.Stat("/tmp"); info.Mode().Perm() != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Error(info.Mode())
	}
	checkCard(t)

	if message := id.become([]byte("clone-7"), []byte(someMachineID), []byte(someBootID)); message != "" {
		t.Fatal(message)
	}
	if message := id.become([]byte("c-8"), []byte(someMachineID), []byte(someBootID)); message != "" {
		t.Fatal(message)
	}
	for place, want := range map[string]string{
		"/etc/hostname":                   "c-8\n",
		"/etc/machine-id":                 someMachineID + "\n",
		"/proc/sys/kernel/random/boot_id": someBootID + "\n",
		"/proc/sys/kernel/hostname":       "c-8\n",
		"/etc/hosts":                      "127.0.0.1 localhost\n10.1.2.3 kept\n127.0.1.1 c-8\n",
	} {
		if got := readTestFile(t, place); got != want {
			t.Errorf("%s: %q", place, got)
		}
	}

	random, err := openRandomDevice()
	must(err)
	if message := random.reseed(make([]byte, entropySize)); message != "" {
		t.Error(message)
	}
	must(pinCode())
	if status := readTestFile(t, "/proc/self/status"); strings.Contains(status, "VmLck:\t       0 kB") {
		t.Error("nothing is locked")
	}
}

// makeCard makes an Ethernet link of the given name: one end of a veth pair.
func makeCard(t *testing.T, name string) {
	t.Helper()
	const linkInfo, infoKind = 18, 1 // IFLA_LINKINFO and IFLA_INFO_KIND of linux/if_link.h
	netlink, err := openRTNetlink()
	if err != nil {
		t.Fatal(err)
	}
	defer netlink.close()
	err = netlink.do(syscall.RTM_NEWLINK, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, make([]byte, 16),
		attribute(syscall.IFLA_IFNAME, []byte(name+"\x00")), attribute(linkInfo, attribute(infoKind, []byte("veth"))))
	if err == syscall.EOPNOTSUPP {
		t.Skip("this kernel has no veth")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkCard insists on the address, the route and the neighbour.
func checkCard(t *testing.T) {
	t.Helper()
	card, err := net.InterfaceByName(guestLink)
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := card.Addrs()
	if len(addresses) != 1 || addresses[0].String() != "172.16.0.2/30" || card.Flags&net.FlagUp == 0 {
		t.Error(addresses, card.Flags)
	}
	if route := readTestFile(t, "/proc/net/route"); !strings.Contains(route, "eth0\t00000000\t010010AC\t0003") {
		t.Error(route)
	}
	if arp := strings.Fields(readTestFile(t, "/proc/net/arp")); !strings.Contains(strings.Join(arp, " "), "172.16.0.1 0x1 0x6 02:74:68:61:77:01") {
		t.Error(arp)
	}
	if conn, err := net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}
