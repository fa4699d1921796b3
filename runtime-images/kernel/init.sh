#!/bin/busybox sh
# The first program of a guest: loads the modules, mounts the root disk and hands
# over to tini. It runs once per runtime image; every VM after that is a thaw.
busybox mount -t devtmpfs -o nosuid,mode=0755 dev /dev
busybox mount -t proc -o nosuid,nodev,noexec proc /proc
busybox mount -t sysfs -o nosuid,nodev,noexec sysfs /sys

while read -r module; do
  busybox insmod "/modules/$module.ko"
done < /modules/order

# Inode tables are zero in the sparse file already: with noinit_itable no kernel thread writes them.
if ! busybox mount -t ext4 -o rw,noatime,noinit_itable /dev/vda /root; then
  echo 'thaw: the root disk cannot be mounted' > /dev/console
  busybox reboot -f
fi
for filesystem in dev proc sys; do
  busybox mount --move "/$filesystem" "/root/$filesystem"
done
# Nothing in the agent runs long enough to need preempting, and the signal that does it would be translated code after every thaw.
GODEBUG=asyncpreemptoff=1 exec busybox switch_root /root /usr/bin/tini -- /usr/local/bin/thaw-agent
