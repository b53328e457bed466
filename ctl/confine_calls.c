/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/confine.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/socket.h>

#define DENY(error) SCMP_ACT_ERRNO(error)

/* Families of sockets that a packet filter sees, or that stay on this machine.  Of the others some carry frames past
 * it, without a capability (PPPoE, Bluetooth, CAN, the host of a virtual machine by vsock), or have the kernel make a
 * connection of its own, which is in nobody's cgroup (RDS). */
static int add_families(scmp_filter_ctx ctx)
{
    static const int kept[] = {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG};
    int rc = 0, family = 0;
    for (size_t i = 0; rc == 0 && i < sizeof kept / sizeof kept[0]; family = kept[i++] + 1)
        for (; rc == 0 && family < kept[i]; family++)
            rc = seccomp_rule_add(ctx, DENY(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)family));
    if (rc == 0)
        rc = seccomp_rule_add(ctx, DENY(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_GE, (scmp_datum_t)family, 0));
    return rc;
}

static int add_rules(scmp_filter_ctx ctx)
{
    /* The answer of a kernel without it, for which libraries have their other way. */
    int rc = seccomp_rule_add(ctx, DENY(ENOSYS), SCMP_SYS(io_uring_setup), 0);
    /* Its CLONE_INTO_CGROUP looks at the rights of the inode, not at the mount that is read-only, and its arguments lie
     * behind a pointer. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, DENY(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = add_families(ctx);
    /* All of it: it hides what is asked of a socket behind a pointer. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, DENY(ENOSYS), SCMP_SYS(socketcall), 0);
    /* The kernel answers a request for a key by starting /sbin/request-key outside of the job, as root, with the job's
     * words: Debian's resolves names so. */
    static const int keys[] = {SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl)};
    for (size_t i = 0; rc == 0 && i < sizeof keys / sizeof keys[0]; i++)
        rc = seccomp_rule_add(ctx, DENY(ENOSYS), keys[i], 0);
    /* Group reports of the kernel's own, which no packet rule can tell from the host's, name the group that a program
     * joins, and up to 1,400 bytes of sources of its choice (IGMPv3, MLDv2).  Joins, then the options of sources:
     * IP_UNBLOCK_SOURCE to IP_MSFILTER and MCAST_BLOCK_SOURCE to MCAST_MSFILTER.  Last, a program that chooses among
     * the sockets that share a port: it would choose another than the gate's look-up finds (SO_ATTACH_REUSEPORT_*). */
    static const struct {
        scmp_datum_t level, option;
    } options[] = {{IPPROTO_IP, 35},   {IPPROTO_IP, 42},   {IPPROTO_IPV6, 20}, {IPPROTO_IPV6, 27}, {IPPROTO_IPV6, 42},
                   {IPPROTO_IP, 37},   {IPPROTO_IP, 38},   {IPPROTO_IP, 39},   {IPPROTO_IP, 40},   {IPPROTO_IP, 41},
                   {IPPROTO_IP, 43},   {IPPROTO_IP, 44},   {IPPROTO_IP, 46},   {IPPROTO_IP, 47},   {IPPROTO_IP, 48},
                   {IPPROTO_IPV6, 43}, {IPPROTO_IPV6, 44}, {IPPROTO_IPV6, 46}, {IPPROTO_IPV6, 47}, {IPPROTO_IPV6, 48},
                   {SOL_SOCKET, 51},   {SOL_SOCKET, 52}};
    for (size_t i = 0; rc == 0 && i < sizeof options / sizeof options[0]; i++)
        rc = seccomp_rule_add(ctx, DENY(ENOPROTOOPT), SCMP_SYS(setsockopt), 2,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, options[i].level),
                              SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, options[i].option));
    /* Typing into the terminal that the caller's shell reads when we are done. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, DENY(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
    if (rc == 0)
        rc = seccomp_rule_add(ctx, DENY(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCLINUX));
    return rc;
}

bool confine_calls(struct error *e)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot make the filter of system calls");
    int rc = 0;
    /* 32-bit programs go on, but for their socketcall: C libraries have called socket itself since Linux 4.3. */
    if (seccomp_arch_native() == SCMP_ARCH_X86_64) {
        rc = seccomp_arch_add(ctx, SCMP_ARCH_X86);
        if (rc == 0)
            rc = seccomp_arch_add(ctx, SCMP_ARCH_X32);
    }
    if (rc == 0)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0); /* set later, and not for root */
    if (rc == 0)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1); /* no slower memory for the build */
    if (rc == 0)
        rc = add_rules(ctx);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    if (rc != 0)
        return error_set(e, ERROR_SYSTEM, -rc, "cannot set the filter of system calls");
    return true;
}
