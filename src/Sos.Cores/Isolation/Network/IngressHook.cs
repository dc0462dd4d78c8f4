using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// The place in the network stack where frames of a device come by before anything else of Linux sees them but packet captures. From Linux 6.6 on programs
/// stand there by themselves (tcx), first in their list; before, at a queueing discipline (clsact or ingress), first of its filters. Both outlive us.
/// </summary>
internal static unsafe class IngressHook
{
    private const int Attach = 8; // BPF_PROG_ATTACH
    private const int Detach = 9; // BPF_PROG_DETACH
    private const int Query = 16; // BPF_PROG_QUERY
    private const uint TcxIngress = 46; // BPF_TCX_INGRESS
    private const uint Before = 1 << 3; // BPF_F_BEFORE
    private const int ProgramsMax = 64; // BPF_MPROG_MAX

    private const ushort NewQueue = 36; // RTM_NEWQDISC
    private const ushort DeleteQueue = 37; // RTM_DELQDISC
    private const ushort GetQueue = 38; // RTM_GETQDISC
    private const ushort NewFilter = 44; // RTM_NEWTFILTER
    private const ushort DeleteFilter = 45; // RTM_DELTFILTER
    private const ushort Kind = 1; // TCA_KIND
    private const ushort Options = 2; // TCA_OPTIONS
    private const ushort FilterProgram = 6; // TCA_BPF_FD
    private const ushort FilterName = 7; // TCA_BPF_NAME
    private const ushort FilterFlags = 8; // TCA_BPF_FLAGS
    private const uint ActDirectly = 1; // TCA_BPF_FLAG_ACT_DIRECT
    private const uint IngressHandle = 0xffff_0000;
    private const uint IngressParent = 0xffff_fff1; // TC_H_CLSACT, TC_H_INGRESS
    private const uint IngressFilters = 0xffff_fff2; // the ingress side of either
    private const uint FilterHandle = 0x534f53; // "SOS"
    private const uint FirstAllProtocols = (1u << 16) | 0x0300; // preference 1; ETH_P_ALL in network order
    private const int FixedSize = 20; // struct tcmsg

    /// <summary>Whether a queueing discipline must be made at a device for a program to stand at.</summary>
    /// <param name="device">Index of the device.</param>
    public static bool NeedsQueue(uint device) => TryList(device) is null && !HasQueue(device);

    /// <summary>Puts a program first; one of ours that is there leaves when this one has taken its place.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="program">The program.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Put(uint device, FileDescriptor program)
    {
        int errno = TryList(device) is { } former ? PutInList(device, program, former) : PutAtQueue(device, program);
        if (errno != 0)
        {
            throw Errno.ToException(
                "taking the frames of a network device", errno,
                errno == Errno.Exists ? "another filter is the first at its ingress: 'tc filter show dev DEVICE ingress', give it a higher preference" : null);
        }
    }

    /// <summary>Takes our program away.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="withQueue">Whether the queueing discipline was made for it, and goes if nothing else stands there.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Remove(uint device, bool withQueue)
    {
        if (TryList(device) is { } programs)
        {
            RemoveFromList(device, programs);
            return;
        }

        if (!HasQueue(device))
        {
            return;
        }

        using RouteSocket socket = new();
        int errno = socket.TryChange(RouteMessage.Traffic(DeleteFilter, RouteSocket.Change, device, FilterHandle, IngressFilters, FirstAllProtocols)
            .Add(Kind, "bpf"));
        errno = errno is Errno.NoEntry or Errno.Invalid ? 0 : errno;
        if (errno == 0 && withQueue && !HasFilters(socket, device))
        {
            errno = socket.TryChange(RouteMessage.Traffic(DeleteQueue, RouteSocket.Change, device, IngressHandle, IngressParent, 0));
        }

        if (errno != 0)
        {
            throw Errno.ToException("giving the frames of a network device back", errno, null);
        }
    }

    /// <summary>How many programs of ours stand at a device.</summary>
    /// <param name="device">Index of the device.</param>
    internal static int CountOurs(uint device)
    {
        int count = 0;
        foreach (uint id in TryList(device) ?? [])
        {
            using FileDescriptor? program = BpfObject.TryFindOurs(id);
            count += program is null ? 0 : 1;
        }

        return count;
    }

    private static int PutInList(uint device, FileDescriptor program, uint[] former)
    {
        BpfAttributes attributes = default;
        attributes.Put(0, device);
        attributes.Put(4, (uint)program.Descriptor);
        attributes.Put(8, TcxIngress);
        attributes.Put(12, Before);
        if (attributes.Call(Attach) < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        RemoveFromList(device, former);
        return 0;
    }

    private static void RemoveFromList(uint device, IEnumerable<uint> programs)
    {
        foreach (uint id in programs)
        {
            using FileDescriptor? program = BpfObject.TryFindOurs(id);
            BpfAttributes attributes = default;
            attributes.Put(0, device);
            attributes.Put(4, (uint)(program?.Descriptor ?? -1));
            attributes.Put(8, TcxIngress);
            if (program is not null && attributes.Call(Detach) < 0 && Marshal.GetLastPInvokeError() != Errno.NoEntry)
            {
                throw Errno.ToException("giving the frames of a network device back", Marshal.GetLastPInvokeError(), null);
            }
        }
    }

    private static int PutAtQueue(uint device, FileDescriptor program)
    {
        using RouteSocket socket = new();
        int errno = HasQueue(device)
            ? 0
            : socket.TryChange(RouteMessage.Traffic(NewQueue, RouteSocket.Create, device, IngressHandle, IngressParent, 0).Add(Kind, "clsact"));
        return errno != 0
            ? errno
            : socket.TryChange(RouteMessage.Traffic(NewFilter, RouteSocket.Replace, device, FilterHandle, IngressFilters, FirstAllProtocols)
                .Add(Kind, "bpf")
                .Add(Options, options => options
                    .Add(FilterProgram, (uint)program.Descriptor).Add(FilterName, BpfObject.NamePrefix + "take").Add(FilterFlags, ActDirectly)));
    }

    /// <summary>Ids of the programs that stand at a device by themselves; null where the kernel has no such list.</summary>
    private static uint[]? TryList(uint device)
    {
        uint* ids = stackalloc uint[ProgramsMax];
        BpfAttributes attributes = default;
        attributes.Put(0, device);
        attributes.Put(4, TcxIngress);
        attributes.Put(16, (ulong)ids);
        attributes.Put(24, ProgramsMax);
        if (attributes.Call(Query) >= 0)
        {
            return new ReadOnlySpan<uint>(ids, (int)Math.Min(attributes.Get(24), ProgramsMax)).ToArray();
        }

        // Before Linux 6.6 there is no such list. Any other failure must not look like that: the program would stay.
        int errno = Marshal.GetLastPInvokeError();
        return errno is Errno.Invalid or Errno.NotSupported ? null : throw Errno.ToException("listing the programs at a network device", errno, null);
    }

    private static bool HasQueue(uint device)
    {
        using RouteSocket socket = new();
        return socket.QueryAll(RouteMessage.Traffic(GetQueue, RouteSocket.Dump, device, 0, 0, 0)).Any(
            queue => queue.Length >= FixedSize && BinaryPrimitives.ReadUInt32LittleEndian(queue.AsSpan(4)) == device
                && BinaryPrimitives.ReadUInt32LittleEndian(queue.AsSpan(8)) == IngressHandle);
    }

    // Either side: somebody may have put filters at the egress of what we have made.
    private static bool HasFilters(RouteSocket socket, uint device)
    {
        const ushort getFilter = 46; // RTM_GETTFILTER
        const uint egressFilters = 0xffff_fff3;
        return new[] { IngressFilters, egressFilters }.Any(
            parent => socket.QueryAll(RouteMessage.Traffic(getFilter, RouteSocket.Dump, device, 0, parent, 0)).Count > 0);
    }
}
