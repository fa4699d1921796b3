package main

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// The guest's network is the same in every guest, because it is part of the snapshot; the host's side of the tap is too.
var (
	guestAddress   = [4]byte{172, 16, 0, 2}
	gatewayAddress = [4]byte{172, 16, 0, 1}
	gatewayMAC     = [6]byte{0x02, 0x74, 0x68, 0x61, 0x77, 0x01}
)

const (
	guestPrefix = 30 // bits
	guestLink   = "eth0"
	// linkWait is how long the network card may take to show up after its module was loaded.
	linkWait = 5 * time.Second
)

// Numbers of linux/neighbour.h and linux/rtnetlink.h that package syscall lacks.
const (
	nudPermanent = 0x80
	ndaDst       = 1
	ndaLLAddr    = 2
)

const createOrReplace = syscall.NLM_F_CREATE | syscall.NLM_F_REPLACE

// configureNetwork brings up the loopback and the one card: address, default route, and a gateway whose hardware address is never asked for.
func configureNetwork() error {
	for _, scope := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+scope+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	card, err := awaitLink(guestLink, linkWait)
	if err != nil {
		return err
	}
	netlink, err := openRTNetlink()
	if err != nil {
		return err
	}
	defer netlink.close()
	if loopback, err := net.InterfaceByName("lo"); err != nil {
		return err
	} else if err := netlink.up(loopback.Index); err != nil {
		return err
	}
	steps := []func() error{
		func() error { return netlink.address(card.Index, guestAddress, guestPrefix) },
		func() error { return netlink.up(card.Index) },
		func() error { return netlink.neighbour(card.Index, gatewayAddress, gatewayMAC) },
		func() error { return netlink.defaultRoute(card.Index, gatewayAddress) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func awaitLink(name string, limit time.Duration) (*net.Interface, error) {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		link, err := net.InterfaceByName(name)
		if err == nil {
			return link, nil
		}
		if time.Now().After(end) {
			return nil, errors.New("network card " + name + " did not appear")
		}
	}
}

// up sends struct ifinfomsg: family u8, pad u8, type u16, index i32, flags u32, change u32.
func (n *rtnetlink) up(index int) error {
	body := make([]byte, 16)
	native.PutUint32(body[4:], uint32(index))
	native.PutUint32(body[8:], syscall.IFF_UP)
	native.PutUint32(body[12:], syscall.IFF_UP)
	return n.do(syscall.RTM_NEWLINK, 0, body)
}

// address sends struct ifaddrmsg: family u8, prefix length u8, flags u8, scope u8, index u32.
func (n *rtnetlink) address(index int, address [4]byte, prefix uint8) error {
	body := append([]byte{syscall.AF_INET, prefix, 0, 0}, number(uint32(index))...)
	return n.do(syscall.RTM_NEWADDR, createOrReplace, body,
		attribute(syscall.IFA_LOCAL, address[:]), attribute(syscall.IFA_ADDRESS, address[:]))
}

// defaultRoute sends struct rtmsg: family, prefix lengths, tos, table, protocol, scope and type as u8, flags u32.
func (n *rtnetlink) defaultRoute(index int, gateway [4]byte) error {
	body := []byte{syscall.AF_INET, 0, 0, 0, syscall.RT_TABLE_MAIN, syscall.RTPROT_BOOT, syscall.RT_SCOPE_UNIVERSE, syscall.RTN_UNICAST, 0, 0, 0, 0}
	return n.do(syscall.RTM_NEWROUTE, createOrReplace, body,
		attribute(syscall.RTA_GATEWAY, gateway[:]), attribute(syscall.RTA_OIF, number(uint32(index))))
}

// neighbour sends struct ndmsg: family u8, pad u8, pad u16, index i32, state u16, flags u8, type u8.
func (n *rtnetlink) neighbour(index int, address [4]byte, mac [6]byte) error {
	body := append([]byte{syscall.AF_INET, 0, 0, 0}, number(uint32(index))...)
	body = append(body, nudPermanent, 0, 0, 0)
	return n.do(syscall.RTM_NEWNEIGH, createOrReplace, body, attribute(ndaDst, address[:]), attribute(ndaLLAddr, mac[:]))
}
