using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// Queueing disciplines, classes and filters of both sides (tc(8)). A thing is the number of the message that makes it, two bytes, and its body: struct
/// tcmsg and its attributes. Linux takes most of them as it lists them; which not is found out before anything changes (<see cref="FindRefused"/>).
/// </summary>
internal sealed class TrafficControl : ICarriedKind
{
    private const ushort NewQueue = 36; // RTM_NEWQDISC
    private const ushort GetQueue = 38; // RTM_GETQDISC
    private const ushort NewClass = 40; // RTM_NEWTCLASS
    private const ushort GetClass = 42; // RTM_GETTCLASS
    private const ushort NewFilter = 44; // RTM_NEWTFILTER
    private const ushort GetFilter = 46; // RTM_GETTFILTER
    private const int TypeSize = sizeof(ushort);
    private const int FixedSize = 20; // struct tcmsg: family and padding, index, handle, parent, info
    private const int IndexOffset = 4;
    private const int HandleOffset = 8;
    private const int ParentOffset = 12;
    private const int InfoOffset = 16;
    private const uint IngressFilters = 0xffff_fff2; // TC_H_CLSACT, TC_H_MIN_INGRESS
    private const uint EgressFilters = 0xffff_fff3; // TC_H_CLSACT, TC_H_MIN_EGRESS
    private const ushort Kind = 1; // TCA_KIND
    private const ushort Options = 2; // TCA_OPTIONS
    private const ushort Sizes = 8; // TCA_STAB
    private const ushort Chain = 11; // TCA_CHAIN
    private const ushort IngressBlock = 13; // TCA_INGRESS_BLOCK
    private const ushort EgressBlock = 14; // TCA_EGRESS_BLOCK
    private const uint AskedFlags = 0x13; // TCA_CLS_FLAGS_SKIP_HW, _SKIP_SW, _VERBOSE; the others are answers

    private static readonly ushort[] Kept = [Kind, Options, Sizes, Chain, IngressBlock, EgressBlock];

    // TCA_U32_FLAGS, TCA_FLOWER_FLAGS, TCA_MATCHALL_FLAGS.
    private static readonly Dictionary<string, ushort> FilterFlags = new() { ["u32"] = 11, ["flower"] = 22, ["matchall"] = 3 };

    /// <inheritdoc/>
    public string Name => "traffic control";

    /// <inheritdoc/>
    /// <remarks>They are one tree, and what of it cannot be made twice is named before anything is changed.</remarks>
    public string? IdentityOf(byte[] thing) => null;

    /// <summary>Finds out which of a device's things Linux would not take again, on a device of the same name in a network namespace made for it.</summary>
    public IReadOnlyList<string> FindRefused(CarriedDevice device)
    {
        IReadOnlyList<byte[]> things = Read(device);
        if (things.Count == 0)
        {
            return [];
        }

        // A block is shared with other devices, which keep it, and whose filters are none of this one's.
        List<string> refused = [.. things.Where(thing => AttributesOf(thing).Any(found => found.Kind is IngressBlock or EgressBlock)).Select(Describe)];
        using ScratchNamespace scratch = ScratchNamespace.Enter();
        const string peer = "peer";
        NetworkLink.MakePair(device.Link.Name, device.Link.Name == peer ? "other" : peer);
        using CarriedDevice copy = new(NetworkLink.Find(device.Link.Name)!);
        Apply(copy, things);
        HashSet<string> there = [.. Read(copy).Select(Identify)];
        return [.. refused, .. things.Where(thing => !there.Contains(Identify(thing))).Select(Describe)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        List<byte[]> queues = [.. List(device, GetQueue, NewQueue, 0).Where(thing => Number(thing, HandleOffset) != 0)]; // 0: Linux's default
        List<byte[]> classes = queues.Count == 0 ? [] : [.. List(device, GetClass, NewClass, 0)];
        Dictionary<uint, byte[]> byHandle = classes.DistinctBy(found => Number(found, HandleOffset)).ToDictionary(found => Number(found, HandleOffset));
        classes = [.. classes.OrderBy(found => Depth(found, byHandle))]; // a class whose parent is not there yet would become one without a parent
        IEnumerable<uint> parents = queues.Concat(classes).Select(thing => Number(thing, HandleOffset))
            .Concat(queues.Any(queue => KindOf(queue) == "clsact") ? [IngressFilters, EgressFilters] : []);
        return [.. queues, .. classes, .. parents.Distinct().SelectMany(parent => List(device, GetFilter, NewFilter, parent))
            .Where(thing => AttributesOf(thing).Any(found => found.Kind == Options))];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        // A class is in a queue, which may be in a class.
        List<(byte[] Thing, int Errno)> left = [.. things.Select(thing => (thing, 0))];
        for (int before = int.MaxValue; left.Count > 0 && left.Count < before;)
        {
            before = left.Count;
            left = [.. left.Select(entry => (entry.Thing, TryGive(device, entry.Thing))).Where(entry => entry.Item2 != 0)];
        }

        // Classes that a queue makes by itself, and tables of u32 that its first filter makes, are there already.
        HashSet<string> there = [.. left.Count > 0 ? Read(device).Select(Identify) : []];
        foreach ((byte[] thing, int errno) in left.Where(entry => !there.Contains(Identify(entry.Thing))))
        {
            device.Refuse(Describe(thing), errno);
        }
    }

    /// <returns>0 or an errno.</returns>
    private static int TryGive(CarriedDevice device, byte[] thing)
    {
        string kind = KindOf(thing);
        if (IsFirstTable(thing))
        {
            return Errno.Exists; // as it will, when its first filter is
        }

        byte[] head = device.WithIndex(thing.AsSpan(TypeSize, FixedSize), IndexOffset);
        IEnumerable<RouteAttribute> attributes = AttributesOf(thing).Where(attribute => Kept.Contains(attribute.Kind))
            .Select(attribute => attribute.Kind == Options ? attribute with { Value = AsAsked(kind, attribute.Value) } : attribute);
        return device.Routes.TryChange(
            RouteMessage.Of(BinaryPrimitives.ReadUInt16LittleEndian(thing), RouteSocket.Create, RouteAttribute.Join(head, attributes)));
    }

    private static int Depth(byte[] thing, Dictionary<uint, byte[]> classes)
    {
        int depth = 0;
        while (depth < classes.Count && classes.TryGetValue(Number(thing, ParentOffset), out byte[]? parent) && parent != thing)
        {
            thing = parent;
            depth++;
        }

        return depth;
    }

    /// <summary>Whether a thing is the table of u32 that its first filter makes, and that would be made twice. Linux numbers those from 0x800 on.</summary>
    private static bool IsFirstTable(byte[] thing)
    {
        const ushort divisor = 4; // TCA_U32_DIVISOR
        const uint keyMask = 0xf_ffff; // TC_U32_KEY
        const uint firstOwn = 0x8000_0000;
        uint handle = Number(thing, HandleOffset);
        return BinaryPrimitives.ReadUInt16LittleEndian(thing) == NewFilter && KindOf(thing) == "u32" && handle >= firstOwn && (handle & keyMask) == 0
            && RouteSocket.Find(RouteSocket.Find(thing.AsSpan(TypeSize + FixedSize), Options), divisor) is { Length: sizeof(uint) } size
            && BinaryPrimitives.ReadUInt32LittleEndian(size) == 1;
    }

    /// <summary>Options as they are asked for, where Linux lists them in another way.</summary>
    private static byte[] AsAsked(string kind, byte[] options)
    {
        const ushort htbInit = 2; // TCA_HTB_INIT: the version is listed whole, and asked for without its minor part
        if (kind == "htb" && RouteSocket.Find(options, htbInit).Length > 0)
        {
            return RouteAttribute.Join([], RouteAttribute.Parse(options).Where(part => part.Kind == htbInit).Select(part =>
            {
                byte[] value = [.. part.Value];
                BinaryPrimitives.WriteUInt32LittleEndian(value, part.Number > ushort.MaxValue ? part.Number >> 16 : part.Number);
                return part with { Value = value };
            }).Concat(RouteAttribute.Parse(options).Where(part => part.Kind > htbInit)));
        }

        return !FilterFlags.TryGetValue(kind, out ushort flags) ? options
            : RouteAttribute.Join([], RouteAttribute.Parse(options).Select(
                part => part.Kind == flags ? new RouteAttribute(part.Type, part.Number & AskedFlags) : part));
    }

    private static IEnumerable<byte[]> List(CarriedDevice device, ushort question, ushort type, uint parent)
        => device.List(RouteMessage.Traffic(question, RouteSocket.Dump, device.Link.Index, 0, parent, 0))
            .Where(body => body.Length > FixedSize && BinaryPrimitives.ReadUInt32LittleEndian(body.AsSpan(IndexOffset)) == device.Link.Index)
            .Select(body => (byte[])[.. BitConverter.GetBytes(type), .. body]);

    private static List<RouteAttribute> AttributesOf(byte[] thing) => RouteAttribute.Parse(thing.AsSpan(TypeSize + FixedSize));

    private static uint Number(byte[] thing, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(thing.AsSpan(TypeSize + offset));

    private static string KindOf(byte[] thing)
        => Encoding.UTF8.GetString(RouteSocket.Find(thing.AsSpan(TypeSize + FixedSize), Kind)).TrimEnd('\0');

    private static string Identify(byte[] thing) => string.Create(
        CultureInfo.InvariantCulture,
        $"{BinaryPrimitives.ReadUInt16LittleEndian(thing)} {KindOf(thing)} {Number(thing, HandleOffset):x} {Number(thing, ParentOffset):x} "
            + $"{(BinaryPrimitives.ReadUInt16LittleEndian(thing) == NewFilter ? Number(thing, InfoOffset) >> 16 : 0)}");

    private static string Describe(byte[] thing)
    {
        uint handle = Number(thing, HandleOffset);
        return BinaryPrimitives.ReadUInt16LittleEndian(thing) switch
        {
            NewQueue => $"the queueing discipline {KindOf(thing)} {handle >> 16:x}:",
            NewClass => $"the class {KindOf(thing)} {handle >> 16:x}:{handle & 0xffff:x}",
            _ => $"the tc filter {KindOf(thing)} with preference {Number(thing, InfoOffset) >> 16}",
        };
    }
}
