#!/bin/sh
# The guest's first process. The kernel's arguments LABJOB, LABRO and LABRW arrive as environment.
# Root becomes the host's file system, read-only below a layer in memory; the job's directory is the
# only window through which the guest can write to the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
die() { echo "guest-init: $1"; poweroff -f; }
mount -t tmpfs lab /mnt && mkdir /mnt/up /mnt/work /mnt/root || die "no tmpfs"
R=/mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work $R || die "no overlay"
mount -t proc proc $R/proc
mount -t sysfs sys $R/sys
mount -t devtmpfs dev $R/dev
mkdir -p $R/dev/pts $R/dev/shm
mount -t devpts devpts $R/dev/pts
mount -t tmpfs shm $R/dev/shm
mount -t tmpfs run $R/run
mkdir -p $R/run/lock $R/run/netns
mount -t tmpfs tmp $R/tmp
chmod 1777 $R/tmp
mount -t cgroup2 cg $R/sys/fs/cgroup
IFS=:
for d in $LABRO; do
    mkdir -p "$R$d" && mount -t hostfs none -o "$d" "$R$d" && mount -o remount,ro,bind "$R$d" || die "no $d"
done
for d in $LABRW; do
    mkdir -p "$R$d" && mount -t hostfs none -o "$d" "$R$d" || die "no $d"
done
unset IFS
mkdir -p $R$LABJOB
mount -t hostfs none -o $LABJOB $R$LABJOB || die "no job directory"
# A real change of root: nsenter into a mount namespace would step out of a mere chroot.
cd $R && mkdir -p mnt/host && pivot_root . mnt/host || die "no pivot_root"
exec /bin/sh $LABJOB/boot
