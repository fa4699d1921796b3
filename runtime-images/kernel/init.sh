#!/bin/busybox sh
# The first program of a guest: loads the modules, mounts the root disk, gives the
# guest its one address, and hands over to tini. It runs once per runtime image;
# every VM after that is a thaw.
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys

while read -r module; do
  busybox insmod "/modules/$module.ko"
done < /modules/order

# Inode tables are zero in the sparse file already (noinit_itable): no kernel thread has to write them.
busybox mount -t ext4 -o rw,noatime,noinit_itable /dev/vda /root || exec busybox sh -c 'echo "thaw: no root disk" >/dev/console; busybox poweroff -f'

for fs in dev proc sys; do
  busybox mount --move "/$fs" "/root/$fs"
done
exec busybox switch_root /root /usr/bin/tini -- /usr/local/bin/thaw-agent
