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
    private const uint Replace = 1 << 2; // BPF_F_REPLACE
    private const uint Before = 1 << 3; // BPF_F_BEFORE

    private const ushort NewQueue = 36; // RTM_NEWQDISC
    private const ushort DeleteQueue = 37; // RTM_DELQDISC
    private const ushort GetQueue = 38; // RTM_GETQDISC
    private const ushort NewFilter = 44; // RTM_NEWTFILTER
    private const ushort DeleteFilter = 45; // RTM_DELTFILTER
    private const ushort GetFilter = 46; // RTM_GETTFILTER
    private const ushort Kind = 1; // TCA_KIND
    private const ushort Options = 2; // TCA_OPTIONS
    private const ushort FilterProgram = 6; // TCA_BPF_FD
    private const ushort FilterName = 7; // TCA_BPF_NAME
    private const ushort FilterFlags = 8; // TCA_BPF_FLAGS
    private const ushort FilterProgramId = 11; // TCA_BPF_ID
    private const uint ActDirectly = 1; // TCA_BPF_FLAG_ACT_DIRECT
    private const uint IngressHandle = 0xffff_0000;
    private const uint IngressParent = 0xffff_fff1; // TC_H_CLSACT, TC_H_INGRESS
    private const uint IngressFilters = 0xffff_fff2; // the ingress side of either
    private const uint EgressFilters = 0xffff_fff3;
    private const uint FilterHandle = 0x534f53; // "SOS"
    private const uint FirstAllProtocols = (1u << 16) | 0x0300; // preference 1; ETH_P_ALL in network order
    private const int FixedSize = 20; // struct tcmsg

    /// <summary>Whether a queueing discipline must be made at a device for a program to stand at.</summary>
    /// <param name="device">Index of the device.</param>
    public static bool NeedsQueue(uint device) => TcxList.TryRead(device) is null && !HasQueue(device);

    /// <summary>Puts a program first; one of the same core that is there leaves as this one takes its place.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="program">The program.</param>
    /// <param name="cpu">The core that it is for.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Put(uint device, FileDescriptor program, int cpu)
    {
        int errno = TcxList.TryRead(device) is { } former ? PutInList(device, program, former, cpu) : PutAtQueue(device, program, cpu);
        if (errno != 0)
        {
            throw Errno.ToException(
                "taking the frames of a network device", errno,
                errno == Errno.Exists
                    ? "another filter is the first at its ingress: 'tc filter show dev DEVICE ingress' shows it; add it again with a greater 'pref'"
                    : null);
        }
    }

    /// <summary>Takes a core's program away.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="withQueue">Whether the queueing discipline was made for it, and goes if nothing else stands there.</param>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Remove(uint device, bool withQueue, int cpu)
    {
        if (TcxList.TryRead(device) is { } programs)
        {
            RemoveFromList(device, programs, cpu);
            return;
        }

        if (!HasQueue(device))
        {
            return;
        }

        using RouteSocket socket = new();
        int errno = FilterProgramAt(socket, device) is not { } id || !IsOurs(id, cpu)
            ? 0
            : socket.TryChange(RouteMessage.Traffic(DeleteFilter, RouteSocket.Change, device, FilterHandle, IngressFilters, FirstAllProtocols)
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

    /// <summary>The ids of a core's programs that stand at a device.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static IReadOnlyList<uint> ListOurs(uint device, int cpu)
    {
        IEnumerable<uint>? programs = TcxList.TryRead(device);
        if (programs is null)
        {
            using RouteSocket socket = new();
            programs = HasQueue(device) && FilterProgramAt(socket, device) is { } id ? [id] : [];
        }

        return [.. programs.Where(id => IsOurs(id, cpu))];
    }

    private static bool IsOurs(uint id, int cpu)
    {
        using FileDescriptor? program = BpfObject.TryFindOurs(id, cpu);
        return program is not null;
    }

    /// <summary>Puts a program into the list. There is one of a core at any moment: what passed by two of them would be judged twice, or dropped.</summary>
    private static int PutInList(uint device, FileDescriptor program, IReadOnlyList<uint> former, int cpu)
    {
        uint[] ours = [.. former.Where(id => IsOurs(id, cpu))];
        using FileDescriptor? replaced = ours.Length > 0 ? BpfObject.TryFindOurs(ours[0], cpu) : null;
        BpfAttributes attributes = default;
        attributes.Put(0, device);
        attributes.Put(4, (uint)program.Descriptor);
        attributes.Put(8, TcxList.Ingress);
        attributes.Put(12, replaced is null ? Before : Replace);
        attributes.Put(16, (uint)(replaced?.Descriptor ?? 0));
        if (attributes.Call(Attach) < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        RemoveFromList(device, ours.Skip(1), cpu);
        return 0;
    }

    private static void RemoveFromList(uint device, IEnumerable<uint> programs, int cpu)
    {
        foreach (uint id in programs)
        {
            using FileDescriptor? program = BpfObject.TryFindOurs(id, cpu);
            BpfAttributes attributes = default;
            attributes.Put(0, device);
            attributes.Put(4, (uint)(program?.Descriptor ?? -1));
            attributes.Put(8, TcxList.Ingress);
            if (program is not null && attributes.Call(Detach) < 0 && Marshal.GetLastPInvokeError() != Errno.NoEntry)
            {
                throw Errno.ToException("giving the frames of a network device back", Marshal.GetLastPInvokeError(), null);
            }
        }
    }

    private static int PutAtQueue(uint device, FileDescriptor program, int cpu)
    {
        using RouteSocket socket = new();
        bool hasQueue = HasQueue(device);
        if (hasQueue && FilterProgramAt(socket, device) is { } former && !IsOurs(former, cpu))
        {
            return Errno.Exists;
        }

        int errno = hasQueue
            ? 0
            : socket.TryChange(RouteMessage.Traffic(NewQueue, RouteSocket.Create, device, IngressHandle, IngressParent, 0).Add(Kind, "clsact"));
        return errno != 0
            ? errno
            : socket.TryChange(RouteMessage.Traffic(NewFilter, RouteSocket.Replace, device, FilterHandle, IngressFilters, FirstAllProtocols)
                .Add(Kind, "bpf")
                .Add(Options, options => options
                    .Add(FilterProgram, (uint)program.Descriptor).Add(FilterName, $"{BpfObject.NamePrefix}{cpu}_take").Add(FilterFlags, ActDirectly)));
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
        return new[] { IngressFilters, EgressFilters }.Any(
            parent => socket.QueryAll(RouteMessage.Traffic(GetFilter, RouteSocket.Dump, device, 0, parent, 0)).Count > 0);
    }

    /// <summary>The id of the program that stands where ours do; null when there is none.</summary>
    private static uint? FilterProgramAt(RouteSocket socket, uint device)
    {
        foreach (byte[] filter in socket.QueryAll(RouteMessage.Traffic(GetFilter, RouteSocket.Dump, device, 0, IngressFilters, 0)))
        {
            if (filter.Length >= FixedSize && BinaryPrimitives.ReadUInt32LittleEndian(filter.AsSpan(8)) == FilterHandle
                && BinaryPrimitives.ReadUInt32LittleEndian(filter.AsSpan(16)) == FirstAllProtocols
                && RouteSocket.Find(RouteSocket.Find(filter.AsSpan(FixedSize), Options), FilterProgramId) is { Length: sizeof(uint) } id)
            {
                return BinaryPrimitives.ReadUInt32LittleEndian(id);
            }
        }

        return null;
    }
}
