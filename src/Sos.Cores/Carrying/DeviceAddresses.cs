using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Text;
using System.Threading;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The addresses of a device, those of DHCP and of router advertisements included, with what is left of their lifetimes. A thing is the body of
/// RTM_NEWADDR: struct ifaddrmsg and its attributes.
/// </summary>
internal sealed class DeviceAddresses : ICarriedKind
{
    private const ushort NewAddress = 20; // RTM_NEWADDR
    private const ushort DeleteAddress = 21; // RTM_DELADDR
    private const ushort GetAddress = 22; // RTM_GETADDR
    private const int FixedSize = 8; // struct ifaddrmsg: family, prefix length, flags, scope, index
    private const int FlagsOffset = 2;
    private const int ScopeOffset = 3;
    private const int IndexOffset = 4;
    private const byte Internet = 2; // AF_INET
    private const byte InternetSix = 10; // AF_INET6
    private const byte LinkScope = 253; // RT_SCOPE_LINK
    private const ushort Address = 1; // IFA_ADDRESS
    private const ushort Local = 2; // IFA_LOCAL
    private const ushort Label = 3; // IFA_LABEL
    private const ushort Lifetimes = 6; // IFA_CACHEINFO
    private const ushort Flags = 8; // IFA_FLAGS
    private const uint Forever = uint.MaxValue;
    private const uint Failed = 8; // IFA_F_DADFAILED: another host has it
    private const uint Tentative = 0x40; // IFA_F_TENTATIVE

    // IFA_F_NODAD, IFA_F_HOMEADDRESS, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN; the others say what Linux makes of them.
    private const uint KeptFlags = 0x2 | 0x10 | 0x100 | 0x200 | 0x400;
    private const uint Running = 0x40; // IFF_RUNNING

    private const uint StablePrivacy = 0x800; // IFA_F_STABLE_PRIVACY

    private static readonly TimeSpan MakingPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public string Name => "addresses";

    /// <summary>The local addresses of things of this kind, as bytes.</summary>
    public static IEnumerable<byte[]> LocalOf(IEnumerable<byte[]> things)
        => things.Select(thing => LocalOf(RouteAttribute.Parse(thing.AsSpan(FixedSize))));

    /// <inheritdoc/>
    public string? IdentityOf(byte[] thing)
    {
        List<RouteAttribute> attributes = RouteAttribute.Parse(thing.AsSpan(FixedSize));
        ReadOnlySpan<byte> lifetimes = RouteSocket.Find(thing.AsSpan(FixedSize), Lifetimes);
        bool ends = lifetimes.Length >= 2 * sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(lifetimes[sizeof(uint)..]) != Forever;
        return ends ? null : $"{Convert.ToHexString(LocalOf(attributes))}/{thing[1]}";
    }

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        List<byte[]> found = [.. List(device, Internet)];

        // Linux puts a new one of IPv6 before the others of its scope: the last one is given first.
        return [.. found, .. List(device, InternetSix).Reverse().Where(thing => (FlagsOf(thing) & Failed) == 0)];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        List<byte[]> made = AwaitMade(device, things);
        foreach (byte[] thing in things)
        {
            List<RouteAttribute> attributes = RouteAttribute.Parse(thing.AsSpan(FixedSize));
            if (made.Any(known => known.AsSpan().SequenceEqual(LocalOf(attributes))))
            {
                continue;
            }

            if (Aged(attributes, device.Age) is not { } aged)
            {
                continue; // Its time is over.
            }

            byte[] head = device.WithIndex(thing.AsSpan(0, FixedSize), IndexOffset);
            uint flags = FlagsOf(thing) & KeptFlags;
            head[FlagsOffset] = (byte)flags;
            IEnumerable<RouteAttribute> given = aged.Where(attribute => attribute.Kind != Flags).Append(new RouteAttribute(Flags, flags))
                .Select(attribute => attribute.Kind == Label ? Relabel(attribute, device) : attribute);
            device.Give(
                RouteMessage.Of(NewAddress, RouteSocket.Replace, RouteAttribute.Join(head, given)),
                $"the address {new IPAddress(LocalOf(attributes))}/{thing[1]}");
        }

        RemoveMade(device, things);
        AwaitUse(device);
    }

    /// <summary>
    /// Waits for link-local addresses that Linux makes as it sees the link: of a secret, which it knows as such and we could not give so, and of the device's
    /// address where somebody had removed it, so that it can be removed again. They come at once, or with a link that comes later.
    /// </summary>
    /// <returns>The link-local addresses that there are.</returns>
    private static List<byte[]> AwaitMade(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        List<byte[]> known = [.. LocalOf(things.Where(thing => thing[0] == InternetSix && thing[ScopeOffset] == LinkScope))];
        List<byte[]> awaited = [.. LocalOf(things.Where(thing => thing[0] == InternetSix && (FlagsOf(thing) & StablePrivacy) != 0
            && thing[ScopeOffset] == LinkScope))];
        if (known.Count > 0 && LinuxFile.TryRead($"/proc/sys/net/ipv6/conf/{device.Link.Name}/addr_gen_mode") == "0"
            && OfHardware(device) is { } own && !known.Any(found => found.AsSpan().SequenceEqual(own)))
        {
            awaited.Add(own);
        }

        for (Stopwatch waited = Stopwatch.StartNew(); ; Thread.Sleep(1))
        {
            List<byte[]> made = [.. LocalOf(List(device, InternetSix).Where(found => found[ScopeOffset] == LinkScope))];
            if (waited.Elapsed > MakingPatience || !device.WasUp || awaited.All(wanted => made.Any(found => found.AsSpan().SequenceEqual(wanted))))
            {
                return made;
            }
        }
    }

    /// <summary>The link-local address that Linux makes of a device's own (RFC 4291, appendix A).</summary>
    private static byte[]? OfHardware(CarriedDevice device)
        => NetworkLink.Read(device.Link.Index)?.Mac is { Length: 6 } mac
            ? [0xfe, 0x80, 0, 0, 0, 0, 0, 0, (byte)(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]]
            : null;

    /// <summary>Removes link-local addresses that Linux has made, and that the other device did not have.</summary>
    private static void RemoveMade(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        foreach (byte[] made in List(device, InternetSix).Where(made => made[ScopeOffset] == LinkScope))
        {
            byte[] address = LocalOf(RouteAttribute.Parse(made.AsSpan(FixedSize)));
            if (!LocalOf(things).Any(known => known.AsSpan().SequenceEqual(address)))
            {
                RouteAttribute local = new(Local, address);
                device.Give(
                    RouteMessage.Of(DeleteAddress, RouteSocket.Change, RouteAttribute.Join(made.AsSpan(0, FixedSize), [local])),
                    $"that it has no address {new IPAddress(address)}",
                    Errno.NoAddress);
            }
        }
    }

    /// <summary>
    /// Waits until addresses can be used. Nobody else is asked for them, so that this is a matter of milliseconds; without a carrier it comes later.
    /// </summary>
    private static void AwaitUse(CarriedDevice device)
    {
        if (!device.WasUp || (NetworkLink.Read(device.Link.Index)?.Flags & Running) is null or 0)
        {
            return;
        }

        for (Stopwatch waited = Stopwatch.StartNew(); waited.Elapsed < Patience; Thread.Sleep(1))
        {
            if (!List(device, InternetSix).Any(thing => (FlagsOf(thing) & (Tentative | Failed)) == Tentative))
            {
                return;
            }
        }
    }

    private static IEnumerable<byte[]> List(CarriedDevice device, byte family)
        => device.List(RouteMessage.Of(GetAddress, RouteSocket.Dump, [family, 0, 0, 0, 0, 0, 0, 0]))
            .Where(thing => thing.Length >= FixedSize && thing[0] == family
                && BinaryPrimitives.ReadUInt32LittleEndian(thing.AsSpan(IndexOffset)) == device.Link.Index);

    private static uint FlagsOf(ReadOnlySpan<byte> thing)
    {
        ReadOnlySpan<byte> flags = RouteSocket.Find(thing[FixedSize..], Flags);
        return flags.Length == sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(flags) : thing[FlagsOffset];
    }

    // IPv6 has it in IFA_ADDRESS, unless there is a peer.
    private static byte[] LocalOf(List<RouteAttribute> attributes)
        => attributes.Where(attribute => attribute.Kind is Local or Address).OrderByDescending(attribute => attribute.Kind).FirstOrDefault().Value ?? [];

    /// <summary>Takes the time that has gone from what was left (struct ifa_cacheinfo: preferred, valid, two times of its making).</summary>
    /// <returns>Null when nothing is left.</returns>
    private static List<RouteAttribute>? Aged(List<RouteAttribute> attributes, TimeSpan age)
    {
        uint seconds = (uint)Math.Clamp(age.TotalSeconds, 0, uint.MaxValue);
        List<RouteAttribute> aged = [];
        foreach (RouteAttribute attribute in attributes)
        {
            if (attribute.Kind != Lifetimes || attribute.Value.Length < 2 * sizeof(uint))
            {
                aged.Add(attribute);
                continue;
            }

            byte[] value = [.. attribute.Value];
            for (int offset = 0; offset < 2 * sizeof(uint); offset += sizeof(uint))
            {
                uint left = BinaryPrimitives.ReadUInt32LittleEndian(value.AsSpan(offset));
                left = left == Forever ? Forever : left - Math.Min(left, seconds);
                BinaryPrimitives.WriteUInt32LittleEndian(value.AsSpan(offset), left);
            }

            if (BinaryPrimitives.ReadUInt32LittleEndian(value.AsSpan(sizeof(uint))) == 0)
            {
                return null;
            }

            aged.Add(attribute with { Value = value });
        }

        return aged;
    }

    /// <summary>Begins a label with the name of the device that has it now: "eth0:web".</summary>
    private static RouteAttribute Relabel(RouteAttribute label, CarriedDevice device)
    {
        string text = Encoding.UTF8.GetString(label.Value).TrimEnd('\0');
        const int labelMax = 15; // IFNAMSIZ without the zero
        bool isOurs = text == device.FormerName || text.StartsWith(device.FormerName + ":", StringComparison.Ordinal);
        string now = isOurs ? device.Link.Name + text[device.FormerName.Length..] : text;
        return now.Length > labelMax ? label with { Value = [.. Encoding.UTF8.GetBytes(device.Link.Name), 0] }
            : label with { Value = [.. Encoding.UTF8.GetBytes(now), 0] };
    }
}
